# Copyright (c) 2026 the advisory_lock authors
#
# The command as a process: descriptors, signals, environment, credentials,
# and a command that asks for the lock it runs under.

use strict;
use warnings FATAL => 'all';

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# No shell sees the command, nor is one word of it taken apart
my @words = ('; echo shell', '$(echo shell)', '`echo shell`', '$HOME', '*', '~', 'a  b', '', "line\nend", '>file', '%s', '--', '-t', '"', q{'});
is(withlock('x', '--', 'perl', '-e', 'print map { "<$_>" } @ARGV', '--', @words)->stdout,
	join('', map { "<$_>" } @words), 'the command gets its words as they were given');

# W14: no descriptor of ours
my @list = ('sh', '-c', 'ls /proc/self/fd | tr "\n" " "');
my $plain = start_program({}, @list);
$plain->wait;
my $ended = withlock('x', '--', @list);
is($ended->stdout, $plain->stdout, 'the command gets no descriptor of ours');

# One of the caller's is the caller's business, as with flock(1).
my $file = PostgreSQL::Test::Utils::tempdir() . '/file';
$ended = withlock({ in_child => sub { POSIX::dup2(1, 9) } }, 'x', '--', 'sh', '-c', 'echo nine >&9');
is($ended->stdout, "nine\n", 'a descriptor of the caller\'s is passed on');

# W13: standard descriptors that are closed
sub close_all
{
	POSIX::close($_) foreach 0 .. 2;
	return;
}
$ended = withlock({ in_child => \&close_all }, 'x', '--', 'sh', '-c', "echo a; echo b >&2; cat; ls -l /proc/self/fd > $file; exit 5");
is($ended->status, 5, 'with <&- >&- 2>&- all works');
unlike(slurp_file($file), qr/socket/, '... and the connection is none of the standard descriptors');
foreach my $fd (0 .. 2)
{
	is(withlock({ in_child => sub { POSIX::close($fd) } }, 'x', '--', 'sh', '-c', 'echo x; echo y >&2; exit 6')->status,
		6, "with descriptor $fd closed all works");
}

# W20: nowhere to write
SKIP:
{
	skip '/dev/full is not there', 3 unless -c '/dev/full';
	is(withlock({ stderr => '/dev/full' }, 'x', '-v', '--', 'sh', '-c', 'exit 5')->status,
		5, '/dev/full as stderr changes nothing');
	my $holder = session($node);
	$holder->query("SELECT advisory_lock.lock('busy')");
	is(withlock({ stderr => '/dev/full' }, 'busy', '-n', 'true')->status, 75, '... nor does it for 75');
	is(withlock({ stderr => '/dev/full' }, '-E', '300', 'busy', 'true')->status, 64, '... and 64');
}
my $broken_pipe = sub {
	pipe(my $reader, my $writer) or die "could not create a pipe: $!";
	POSIX::dup2(fileno($writer), 2);
	close $_ foreach $reader, $writer;
};
is(withlock({ in_child => $broken_pipe }, 'x', '-v', '--', 'sh', '-c',
		'trap "exit 9" PIPE; sleep 0.2; exit 5')->status,
	5, 'a broken pipe as stderr changes nothing, and the command gets no SIGPIPE for it');
is(withlock({ in_child => $broken_pipe }, '-E', '300', 'busy', 'true')->status, 64, '... and 64');

# W15: signals
sub signals_of_command
{
	my ($in_child) = @_;
	my $text = withlock({ in_child => $in_child }, 'x', '--', 'grep', '-E', '^Sig(Blk|Ign|Pnd)', '/proc/self/status')->stdout;

	# 32 and 33 are glibc's own; a posix_spawn(), make's say, leaves them ignored
	# for all that come after, who cannot change that.
	my %masks = $text =~ /^Sig(\w+):\s*\w{8}(\w{8})$/mg;
	return { map { $_ => hex($masks{$_}) & 0x7fffffff } keys %masks };
}
my $signals = signals_of_command(sub { });
is($signals->{Blk}, 0, 'the command blocks no signal');
is($signals->{Ign}, 0, 'the command ignores no signal');
$signals = signals_of_command(sub { POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(POSIX::SIGTERM(), POSIX::SIGUSR1())); });
is($signals->{Blk}, 0, '... though the caller did');
$signals = signals_of_command(sub { $SIG{HUP} = 'IGNORE'; $SIG{CHLD} = 'IGNORE'; });
is($signals->{Ign}, 1 << POSIX::SIGHUP() - 1, 'an ignored HUP stays ignored, CHLD does not');

# The process group
$ended = withlock('x', '--', 'sh', '-c', 'cut -d " " -f 1,5 /proc/$$/stat');
like($ended->stdout, qr/^(\d+) \1$/, 'the command leads a process group of its own');

# W06: a process left in the background does not keep the lock
$ended = withlock('x', '--', 'sh', '-c', 'setsid sleep 60 >/dev/null 2>&1 & echo $!');
is($ended->status, 0, 'a command that leaves a process behind');
my ($left) = $ended->stdout =~ /(\d+)/;
ok(kill(0, $left), '... which lives on');
is(withlock('x', '-n', 'true')->status, 0, '... without the lock');
kill 'KILL', $left;

# W16: the fork of withlock never speaks to the server.  A failed exec must
# not end the session: the release that follows works.
$ended = withlock('x', '-v', '/nonexistent');
unlike($ended->stderr, qr/could not be released/, 'a failed exec leaves the session alone');

# --- Odd surroundings

# Who reads stdout stops early
pipe(my $reader, my $writer) or die "could not create a pipe: $!";
my $early = start_withlock({ in_child => sub { POSIX::dup2(fileno $writer, 1); close $reader; } },
	'x', '--', 'sh', '-c', 'echo one; sleep 0.2; yes');
close $writer;
readline $reader;
close $reader;
is($early->wait, 128 + POSIX::SIGPIPE(), 'SIGPIPE of the command is the status when stdout is closed early');
is(withlock('x', '-n', 'true')->status, 0, '... and the lock is free');
ok(withlock({ stdout => '/dev/full' }, '--list')->status == 70, 'what was asked for on stdout and did not get there is 70') if -c '/dev/full';

# No controlling terminal, stdin closed, a session of its own
$ended = withlock({ in_child => sub { POSIX::setsid(); POSIX::close(0); } }, 'x', '-v', '--', 'sh', '-c', 'exit 6');
is($ended->status, 6, 'without a controlling terminal all works');

# An environment of megabytes, which leaves no room for another variable
my %large = map { ("LARGE_$_" => 'x' x 100_000) } 1 .. 19;
$ended = withlock({ env => \%large }, 'x', '--', 'sh', '-c', 'echo ${#LARGE_19}');
is($ended->stdout, "100000\n", 'an environment of two megabytes is passed on');
# withlock itself fits, with its variables the command does not: a quarter of
# the stack's limit is for both
SKIP:
{
	skip 'the limit of the stack is not 8 MB', 2 unless `sh -c 'ulimit -s'` eq "8192\n";
	my $room = 2_097_152 - 1_903_000;
	my @tried = map
	{
		withlock({ env => { %large, MORE => 'x' x 100_000, REST => 'x' x ($room - 100_000 - $_) } },
			'N' x 1000, '--', 'true')
	} map { $_ * 1000 } 0 .. 20;
	cmp_ok(scalar(grep { $_->status eq '126' } @tried), '>', 0,
		'one without room for the variables of the command: 126');
	my ($refused) = grep { $_->status eq '126' } @tried;
	like($refused ? $refused->stderr : '', qr/too long/, '... with the reason');
}

# Locales: there are none for withlock, however they are called
foreach my $locale ('tr_TR.UTF-8', 'nowhere', 'C', 'ja_JP.SJIS')
{
	$ended = withlock({ env => { LC_ALL => $locale, LANG => $locale } }, "I\xc3\xa9", '-t', '0.5', '-v', '--', 'sh', '-c', 'printf %s "$WITHLOCK_NAME"; exit 5');
	is($ended->status, 5, "LC_ALL=$locale");
	is($ended->stdout, "I\xc3\xa9", '... the name is what it was');
}

# Clocks that jump: those of deadlines are not among them
SKIP:
{
	my $reason = cannot_compile();
	skip $reason, 4 if $reason;

	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	append_to_file("$directory/jump.c", <<'EOT');
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

/* A day on, a day back. */
static long
jump(void)
{
	static long calls;

	return ++calls % 2 ? 86400 : -86400;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			result = (int) syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += jump();
	return result;
}

int
gettimeofday(struct timeval *now, void *zone)
{
	struct timespec t;

	(void) zone;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	now->tv_sec = t.tv_sec + jump();
	now->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *now)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	t.tv_sec += jump();
	if (now)
		*now = t.tv_sec;
	return t.tv_sec;
}
EOT
	compile("$directory/jump.so", ["$directory/jump.c"], '-shared', '-fPIC');
	my $jumping = { env => { LD_PRELOAD => "$directory/jump.so" } };
	my $holder = session($node);
	$holder->query("SELECT advisory_lock.lock('jump')");
	$ended = withlock($jumping, 'jump', '-t', '2', 'true');
	is($ended->status, 75, 'with a clock that jumps, -t ends a wait');
	cmp_ok($ended->seconds, '>', 1.9, '... not before its time');
	cmp_ok($ended->seconds, '<', 20, '... nor much later');
	$holder->quit;
	is(withlock($jumping, 'jump', '--', 'sh', '-c', 'exit 5')->status, 5, '... and a command runs');
}

# --- The environment

my $environment = sub {
	my %seen = map { /^(WITHLOCK_\w+)=(.*)/ ? ($1, $2) : () } split /\n/, $_[0]->stdout;
	return \%seen;
};
my $seen = $environment->(withlock('the name', 'env'));
is($seen->{WITHLOCK_NAME}, 'the name', 'WITHLOCK_NAME');
like($seen->{WITHLOCK_TOKEN}, qr/^\d+$/, 'WITHLOCK_TOKEN');
ok(!exists $seen->{WITHLOCK_PERMIT}, 'no WITHLOCK_PERMIT without --permits');
my $next = $environment->(withlock('the name', 'env'));
cmp_ok($next->{WITHLOCK_TOKEN}, '>', $seen->{WITHLOCK_TOKEN}, 'the token grows');
$seen = $environment->(withlock('p', '--permits', '2', 'env'));
is($seen->{WITHLOCK_PERMIT}, 1, 'WITHLOCK_PERMIT');
my $others = { env => { WITHLOCK_TOKEN => 'stale', WITHLOCK_PERMIT => 'stale' } };
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$seen = $environment->(withlock($others, '-d', conninfo($node, 'bare'), 'x', 'env'));
ok(!exists $seen->{WITHLOCK_TOKEN} && !exists $seen->{WITHLOCK_PERMIT},
	'what does not apply is not inherited');

# W17, W18: credentials
my $secret = 'pass word/secret';
my $uri_secret = 'pass%20word%2Fsecret';
my $host = $node->host =~ s{/}{%2F}gr;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
foreach my $form (
	conninfo($node) . " password='$secret'",
	"postgresql://$user:$uri_secret\@$host:" . $node->port . '/postgres',
	"postgresql://$user\@$host:" . $node->port . "/postgres?password=$uri_secret")
{
	(my $kind = $form) =~ s/=.*|:.*//s;
	delete local $ENV{WITHLOCK_DB};
	my $running = start_withlock('secret', "--db=$form", '--', 'sh', '-c', 'env; echo ready; sleep 60');
	$running->wait_output(qr/ready/);
	my $line = slurp_file('/proc/' . $running->pid . '/cmdline');
	unlike($line, qr/secret.*secret|pass( |%20)word/s, "$kind: the password is not in the list of processes");
	unlike($running->stdout, qr/pass( |%20)word/, '... nor in the environment of the command');
	kill 'TERM', $running->pid;
	$running->wait;
	foreach my $wrong ("$form&x", "$form bad", "$form?nosuch=1")
	{
		$ended = withlock('x', '--db', $wrong, '-v', 'true');
		unlike($ended->stderr, qr/pass( |%20)word|secret/, '... nor in a message');
	}
	$ended = withlock('x', "--dbx=$form", 'true');
	unlike($ended->stderr, qr/pass( |%20)word|secret/, '... nor in that of a mistyped option');
}

# --- A command that asks for the lock it runs under

foreach my $case (
	['a', '--', 'withlock', 'a', 'true'],
	['a', '--', 'withlock', 'b', '--', 'withlock', 'a', 'true'],
	['b', '--also', 'a', '--', 'withlock', 'a', 'true'],
	['a', '--', 'withlock', 'b', '--also', 'a', 'true'],
	['a', '--', 'sh', '-c', 'withlock a true; exit $?'])
{
	$ended = withlock(@$case);
	is($ended->status, 64, "refused: withlock @$case");
	like($ended->stderr, qr/\Awithlock: lock "a" is held by a withlock that this one runs under.*\n\z/, '... with an explanation in one line');
	cmp_ok($ended->seconds, '<', 10, '... at once');
}
my $odd = "a @%:\n\xc3\xbc b";
is(withlock($odd, '--', 'withlock', $odd, 'true')->status, 64, 'an odd name is recognized');
is(withlock('a', '--', 'withlock', 'a b', 'true')->status, 0, 'another name is not refused');
is(withlock('a', '--', 'withlock', '-d', conninfo($node, 'bare'), 'a', 'true')->status,
	0, 'the same name in another database is another lock');
# A daemon started under a lock is not under it for ever.
my $later = start_withlock('a', '--', 'sh', '-c',
	'setsid sh -c "while kill -0 $PPID 2>/dev/null; do sleep 0.05; done; withlock a -- echo later" & exit 0');
$later->wait;
$later->wait_output(qr/later/);
pass('a daemon that was started under a lock can take it later on');

done_testing();
