# Copyright (c) 2026 the advisory_lock authors
#
# The command line of withlock: what is refused and how, what the help and the
# manual page say.

use strict;
use warnings FATAL => 'all';

use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# --- Wrong command lines: 64, one line that says what is wrong, nothing run

my @wrong = (
	[[], qr/no lock is named/],
	[['x'], qr/no command is given/],
	[['x', '--'], qr/no command is given/],
	[['x', '-c', 'true', 'true'], qr/takes the place of COMMAND/],
	[['-E', '256', 'x', 'true'], qr/-code 256: must be a number from 0 to 255/],
	[['-E', '-1', 'x', 'true'], qr/-code -1: must be a number from 0 to 255/],
	[['-E', '', 'x', 'true'], qr/must be a number from 0 to 255/],
	[['-E', '7 ', 'x', 'true'], qr/must be a number from 0 to 255/],
	[['-E', '0x7', 'x', 'true'], qr/must be a number from 0 to 255/],
	[['x', '-t', '-1', 'true'], qr/--timeout -1: must be a duration/],
	[['x', '-t', 'abc', 'true'], qr/--timeout abc: must be a duration/],
	[['x', '-t', 'NaN', 'true'], qr/--timeout NaN: must be a duration/],
	[['x', '-t', 'inf', 'true'], qr/--timeout inf: must be a duration/],
	[['x', '-t', '1e9', 'true'], qr/--timeout 1e9: must be a duration/],
	[['x', '-t', '5 s', 'true'], qr/--timeout 5 s: must be a duration/],
	[['x', '-t', '5.', 'true'], qr/--timeout 5\.: must be a duration/],
	[['x', '-t', '.5', 'true'], qr/--timeout \.5: must be a duration/],
	[['x', '-t', '', 'true'], qr/--timeout : must be a duration/],
	[['x', '-t', '5d', 'true'], qr/--timeout 5d: must be a duration/],
	[['x', '-w', 'x', 'true'], qr/--wait x: must be a duration/],
	[['x', '--grace', '-5', 'true'], qr/--grace -5: must be a duration/],
	[['x', '--lock-delay', 'x', 'true'], qr/--lock-delay x: must be a duration/],
	[['x', '--lock-delay', '61m', 'true'], qr/--lock-delay must be one hour at most/],
	[['x', '--permits', '0', 'true'], qr/--permits 0: must be a number from 1 to/],
	[['x', '--permits', '2147483648', 'true'], qr/--permits 2147483648: must be a number/],
	[['x', '--permits', '21474836470', 'true'], qr/--permits 21474836470: must be a number/],
	[['x', '--on-lost', 'stop', 'true'], qr/--on-lost stop: must be term, kill or ignore/],
	[['', 'true'], qr/must not be empty/],
	[['x', '--lease', '0', 'true'], qr/--lease 0: must be one second to 24 hours/],
	[['x', '--once-per', '0', 'true'], qr/--once-per 0: must be a duration above 0/],
	[['postgres://u:hidden@h/d', 'true'], qr/a connection string is in the place of NAME; it goes with --db/],
	[['host=h password=hidden', 'true'], qr/a connection string is in the place of NAME; it goes with --db/],
	[['x', '--also', 'postgresql://u:hidden@h/d', 'true'], qr/a connection string is in the place of NAME/],
	[['--list', 'postgresql://u:hidden@h/d'], qr/a connection string is in the place of NAME/],
	[['x' x 1025, 'true'], qr/must not be longer than 1024 bytes/],
	[["\xc3\x28", 'true'], qr/must be valid UTF-8/],
	[["\xed\xa0\x80", 'true'], qr/must be valid UTF-8/],
	[["\xc0\xaf", 'true'], qr/must be valid UTF-8/],
	[["\xf4\x90\x80\x80", 'true'], qr/must be valid UTF-8/],
	[["\xe2\x82", 'true'], qr/must be valid UTF-8/],
	[['x', '--also', '', 'true'], qr/must not be empty/],
	[['x', '--nosuchoption', 'true'], qr/unknown or ambiguous option: --nosuchoption/],
	[['-Z', 'x', 'true'], qr/unknown or ambiguous option: -Z/],
	[['x', '--t', '5', 'true'], qr/unknown or ambiguous option: --t/],
	[['x', '--keep=yes', 'true'], qr/no argument is allowed in --keep/],
	[['x', '--timeout'], qr/an argument is missing after --timeout/],
	[['x', '-t'], qr/an argument is missing after -t/],
	[['x', '-s', '--permits', '2', 'true'], qr/--shared and --permits exclude/],
	[['x', '-s', '--also', 'y', 'true'], qr/--also goes with neither/],
	[['x', '--permits', '2', '--transaction', 'true'], qr/do not go with --transaction/],
	[['x', '--also', 'y', '--transaction', 'true'], qr/do not go with --transaction/],
	[['x', '--transaction', '--lock-delay', '10s', 'true'], qr/does not go with --transaction/],
	[['x', '--transaction', '--lock-delay', '0', '-d', 'host=/nonexistent', 'true'], qr/does not go with --transaction/],
	[['x', '--keep', '--on-lost', 'ignore', 'true'], qr/does not go with --on-lost ignore/],
	[['x', '--json', 'true'], qr/--json and --watch go with/],
	[['--status'], qr/no lock is named/],
	[['--kill'], qr/no lock is named/],
	[['--list', '--kill', 'x'], qr/the only one of --list, --status and --kill/],
	[['--status', 'x', 'true'], qr/take one NAME and no command/],
	[['--status', 'x', '--watch'], qr/--watch goes with --list/],
	[['x', '-d', 'nosuchkeyword=1', 'true'], qr/connection string is malformed/],
	[['x', '-d', 'postgres://u:p@[::1', 'true'], qr/connection string is malformed/]);
foreach my $case (@wrong)
{
	my ($arguments, $message) = @$case;
	my $ended = withlock(@$arguments);
	my $shown = join ' ', map { length > 30 ? substr($_, 0, 30) . '...' : $_ } @$arguments;

	$shown =~ s/[^ -~]/?/g;
	ok( $ended->status eq 64
		  && $ended->stdout eq ''
		  && $ended->stderr =~ /\Awithlock: .*$message.*\n\z/,
		"64 and one line: withlock $shown")
	  or diag $ended->status, ' ', $ended->stderr;
}

# --- Where options end

is(withlock('x', 'echo', '-n', '--', '-t')->stdout, "-- -t",
	'options after the command are the command\'s');
is(withlock('x', '--', 'echo', '--', '-v')->stdout, "-- -v\n", 'as is a second --');
is(withlock('x', '-t', '5', '--', 'echo', 'a')->stdout, "a\n", 'options after NAME');
is(withlock('-t', '5', 'x', 'echo', 'a')->stdout, "a\n", 'options before NAME');
is(withlock('--', '-name', 'echo', 'a')->stdout, "a\n", 'a name that begins with a dash');
is(withlock('--', '-name', '--', 'echo', 'a')->stdout, "a\n", '... and a second --');
is(withlock('--also', '--', 'x', '-t', '5', 'echo', 'a')->stdout, "a\n", 'a -- that is the argument of an option ends nothing');
is(withlock('x', '--db', conninfo($node), '--', 'echo', 'a')->stdout,
	"a\n", 'the command line of the npm package');
is(withlock('x' x 1024, '--', 'true')->status, 0, 'a name of 1024 bytes');

# --- Durations that are right

foreach my $duration ('0.5', '30', '500ms', '5s', '2m', '1h', '0.0001', '1000000000',
	'99999999999999999999h', '1.25m', '0.0000000000000000001s')
{
	# a very short one may end while connecting
	like(withlock('x', '-t', $duration, 'true')->status, qr/^(0|69|75)$/, "-t $duration");
}

# --- Where to connect

delete local $ENV{WITHLOCK_DB};
my @split = (-h => $node->host, -p => $node->port);
is(withlock(@split, '-d', 'postgres', 'x', 'true')->status, 0, '-h, -p and -d NAME');
is(withlock(@split, '-d', 'postgres', '-U', 'nobody such', 'x', 'true')->status, 69, '-U');
is(withlock('-h', '/nonexistent', '-d', conninfo($node), 'x', 'true')->status,
	0, 'a connection string wins over -h');
is(withlock({ env => { PG_CONNECTION_STRING => conninfo($node), PGHOST => '/nonexistent' } },
		'x', 'true')->status, 0, '$PG_CONNECTION_STRING');
is(withlock({ env => { WITHLOCK_DB => conninfo($node), PG_CONNECTION_STRING => 'host=/no' } },
		'x', 'true')->status, 0, '$WITHLOCK_DB wins over $PG_CONNECTION_STRING');
is(withlock({ env => { WITHLOCK_DB => 'host=/no' } }, '-d', conninfo($node), 'x', 'true')->status,
	0, '--db wins over $WITHLOCK_DB');
is(withlock({ env => { PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres' } },
		'x', 'true')->status, 0, 'the environment of libpq');

# --- The help, the version, and the manual page

my $ended = withlock('--help');
is($ended->status, 0, '--help exits with 0');
is($ended->stderr, '', '... with nothing on stderr');
my $help = $ended->stdout;
my @help = split /\n/, $help;
is(scalar(grep { length > 80 } @help), 0, 'the lines of the help are not too long');
cmp_ok(scalar @help, '<', 24, '... and fit a small terminal, with its prompt');

# Two options a line
my @cells = map { /^(?:-\w,|   ) --/ ? (substr($_, 0, 40), substr($_ . ' ' x 40, 40)) : () } @help;
like($_, qr/^(?:-\w,| {3}) --[\w-]+(?: [A-Z]+)? +\S.*|^ +$/, "a cell: $_") foreach @cells;
my %in_help = map { /^(?:-\w,| {3}) --([\w-]+)/ ? ($1 => 1) : () } @cells;
cmp_ok(scalar keys %in_help, '>', 25, 'the help lists the options');
foreach my $option (sort keys %in_help)
{
	# Each is known to the parser: it complains about something else.
	unlike(withlock("--$option", '--nosuchoption')->stderr,
		qr/unknown or ambiguous option: --\Q$option\E$/m, "--$option is an option");
}

open my $page, '<', getcwd() . '/client/withlock/withlock.1' or die "could not open the manual page: $!";
my $manual = do { local $/; <$page> };
my %in_manual = map { $_ => 1 } $manual =~ /^\.It (?:Fl \w , )?Fl -([\w-]+)/mg;
is_deeply([sort keys %in_manual], [sort keys %in_help],
	'the manual page has the options of the help');
my %letters_in_help = map { /^-(\w), --([\w-]+)/ } @cells;
my %letters_in_manual = $manual =~ /^\.It Fl (\w) , Fl -([\w-]+)/mg;
is_deeply(\%letters_in_manual, \%letters_in_help, '... and their letters');
foreach my $status (1, 64, 69, 70, 74, 75, 126, 127)
{
	like($manual, qr/^\.It $status$/m, "the manual page has exit status $status");
	like($help, qr/\b$status\b/, '... and the help');
}
foreach my $variable (qw(WITHLOCK_DB PG_CONNECTION_STRING WITHLOCK_NAME WITHLOCK_TOKEN WITHLOCK_PERMIT WITHLOCK_HELD))
{
	like($manual, qr/^\.It Ev $variable$/m, "the manual page has $variable");
}

$ended = withlock('-V');
open my $control, '<', getcwd() . '/advisory_lock.control' or die "could not open: $!";
my ($version) = map { /^default_version = '(.*)'/ ? $1 : () } <$control>;
is($ended->stdout, "withlock (advisory_lock) $version\n", '--version tells the version of the control file');
is($ended->status, 0, '... and exits with 0');

SKIP:
{
	skip '/dev/full is not there', 2 unless -c '/dev/full';
	$ended = withlock({ stdout => '/dev/full' }, '--help');
	is($ended->status, 70, 'help that could not be written is an error');
	like($ended->stderr, qr/could not write to standard output/, '... and says so');
}

done_testing();
