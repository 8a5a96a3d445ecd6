# Copyright (c) 2026 the advisory_lock authors
#
# Those who look and act by name: they ask the primary, end on a server that is
# silent, leave a pooled session as it was, see permits, and what they show
# neither drives a terminal nor a shell; nor is it cut where memory runs out.

use strict;
use warnings FATAL => 'all';
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Proxy;
use Terminal;
use Withlock;

my $node = start_node('main', init => [allows_streaming => 1], conf => 'max_connections = 40');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
my @databases = ('postgres', 'bare');
my @no_delay = ('--lock-delay', '0');
my @looks = (['--list'], ['--status', 'x'], ['--kill', 'x'], ['--list', 'x', '--json']);

# --- A server that is silent

my $silent = Proxy->new(undef, greeting => '');
foreach my $look (@looks, ['x', '-n', 'true'])
{
	my $ended = withlock(@$look, '-d', $silent->conninfo);
	is($ended->status, 69, "@$look: a silent server is none: 69");
	cmp_ok($ended->seconds, '<', 20, sprintf '... after %.1f s', $ended->seconds);
}
my $soon = withlock('--list', '-d', $silent->conninfo, '-t', '0.5');
is($soon->status, 69, '-t is for the observers, too');
cmp_ok($soon->seconds, '<', 5, sprintf '... after %.1f s', $soon->seconds);
$silent->close;

# It falls silent after the connection stands
foreach my $limit ([], ['-t', '10'])
{
	my $watch = start_withlock('--list', '--watch', @$limit, '-d', conninfo($node));
	$watch->wait_output(qr/NAME.*NAME/s);
	my $backend = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'withlock'");
	kill 'STOP', $backend;
	is($watch->wait, 69, "no answer in time: 69 (@$limit)");
	like($watch->stderr, qr/^withlock: the server does not answer$/m, '... with the reason');
	kill 'CONT', $backend;
}

# --- A standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
foreach my $database (@databases)
{
	my $holder = start_withlock('x', '-d', conninfo($node, $database), @no_delay, '--', 'sleep', '1000');
	$holder->wait_command;
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	foreach my $look (@looks)
	{
		my $ended = withlock(@$look, '-d', conninfo($standby, $database));

		is($ended->status, 69, "@$look: a standby knows nothing of it: 69 ($database)");
		is($ended->stdout, '', '... and nothing is said of it');
		like($ended->stderr, qr/standby|primary/, '... but why');
	}
	is(withlock('--status', 'x', '-d', conninfo($standby, $database) . ' target_session_attrs=any')->status,
		69, '... though the connection string would have it');
	my $both = 'host=' . $standby->host . ',' . $node->host . ' port=' . $standby->port . ',' . $node->port . " dbname=$database";
	is(withlock('--status', 'x', '-d', $both)->status, 75, 'of two servers the primary is asked');
	is(withlock('--kill', 'x', '-d', $both)->status, 0, '... to kill, too');
	is($holder->wait, 74, '... which ends the holder');
}
$standby->stop;

# --- Permits

foreach my $database (@databases)
{
	local $ENV{WITHLOCK_DB} = conninfo($node, $database);
	my @pool = ('pool', '--permits', '2', @no_delay);
	my @holders = map { start_withlock(@pool, '--', 'sleep', '1000') } 1, 2;
	$_->wait_command foreach @holders;
	my $waiter = start_withlock(@pool, '--', 'sleep', '1000');
	my $status;
	wait_until { ($status = withlock('--status', 'pool'))->stdout =~ /waiting/ } 'one waits';

	is($status->status, 75, "--status sees permits ($database)");
	like($status->stdout, qr/^pool: permit [12] held .*by pid \d+ .* and permit [12] held .*by pid \d+ \(.*\); 1 waiting\n\z/, '... each, and who waits');
	is(withlock('--status', 'pool', '--permits', '2')->status, 75, '... with --permits');
	is(withlock('--status', 'pool', '--permits', '3')->status, 0, '... of which one is free');
	my $list = withlock('--list', 'pool')->stdout;
	like($list, qr/^pool#1 +exclusive +held .*\npool#2 +exclusive +held .*^pool#queue +exclusive +waiting /ms, '--list NAME shows them, and the queue');
	is(withlock('--list', 'poo')->stdout =~ tr/\n//, 1, '... and not those of others');
	like(withlock('--list', 'pool', '--json')->stdout, qr/"name" : "pool#1".*"name" : "pool#2"/s, '... in JSON');
	my $kill = withlock('--kill', 'pool', '--json');
	is($kill->status, 0, '--kill sees permits');
	is($kill->stdout, qq({"terminated": 2}\n), '... both');
	is(join(' ', map { $_->wait } @holders), '74 74', '... whose commands end');
	$waiter->wait_command;
	is(withlock('--kill', 'pool')->status, 0, '... and who waited has got one');
	is($waiter->wait, 74, '... until now');
	is(withlock('--status', 'pool')->status, 0, 'then it is free');
	$kill = withlock('--kill', 'pool');
	is($kill->status, 1, '--kill of nobody: 1');
	is($kill->stderr, qq(withlock: lock "pool": nobody holds it\n), '... and says so');
	$kill = withlock('--kill', 'pool', '--json');
	is($kill->status . $kill->stdout, qq(1{"terminated": 0}\n), '... in JSON');

	# Two names with their permits, sorted as a person would
	my @ten = map { start_withlock('ten', '--permits', '11', @no_delay, '--', 'sleep', '1000') } 1 .. 10;
	$_->wait_command foreach @ten;
	is(join(' ', withlock('--list', 'ten')->stdout =~ /^ten#(\d+)/mg), join(' ', 1 .. 10), 'permit 10 comes after permit 9');
	is(withlock('--kill', 'ten')->status, 0, 'ten at once');
	$_->wait foreach @ten;
}

# --- Names that are not what they seem

$ENV{WITHLOCK_DB} = conninfo($node);
my %escaped = (
	"a\nwithlock: b" => 'a\x0awithlock: b',
	"\e[31mred\e[0m\a" => '\x1b[31mred\x1b[0m\x07',
	"user\x{202e}gpj.exe" => 'user\u202egpj.exe',
	"\x{2066}\x{2069}\x{200e}\x{200f}\x{61c}" => '\u2066\u2069\u200e\u200f\u061c',
	"zero\x{200b}\x{200d}\x{feff}\x{ad}width" => 'zero\u200b\u200d\ufeff\u00adwidth',
	"tag\x{e0041}\x{e007f}" => 'tag\U000e0041\U000e007f',
	"c1\x{9b}31m\x{85}" => 'c1\u009b31m\u0085',
	"line\x{2028}\x{2029}" => 'line\u2028\u2029');
foreach my $name (sort keys %escaped)
{
	my $bytes = encode_utf8($name);
	my $shown = $escaped{$name};
	my $holder = start_withlock($bytes, @no_delay, '--', 'sleep', '1000');
	$holder->wait_command;

	like(withlock('--list')->stdout, qr/^\Q$shown\E +exclusive +held /m, "--list shows $shown");
	like(withlock('--list', $bytes)->stdout, qr/^\Q$shown\E +exclusive +held /m, '... by name');
	like(withlock('--status', $bytes)->stdout, qr/\A\Q$shown\E: held .*\n\z/, '... as --status');
	my $refused = withlock($bytes, '-n', 'true');
	like($refused->stderr, qr/\Awithlock: lock "\Q$shown\E": not obtained: held .*\nwithlock: to end the holder: --kill with the same connection and name\n\z/,
		'... and who does not get it, without a command to copy');
	my $json = withlock('--list', $bytes, '--json')->stdout;
	unlike(decode_utf8($json), qr/[\x{7f}-\x{9f}\x{ad}\x{61c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}\x{e0000}-\x{e007f}\e]/, '... JSON has none of them raw');
	my $quoted = $json =~ s/'/''/gr;
	is(decode_utf8($node->safe_psql('postgres', "SELECT '$quoted'::json #>> '{0,name}'")), $name, '... but means the same');
	is(withlock('--kill', $bytes)->status, 0, '... and --kill finds it');
	$holder->wait;
}
SKIP:
{
	skip 'a role cannot have a newline in its name', 1 if $node->pg_version >= '19devel';
	my $role = qq("two\nlines");
	$node->safe_psql('postgres', "CREATE ROLE $role LOGIN; GRANT USAGE ON SCHEMA advisory_lock TO $role");
	my $odd = start_withlock('x', @no_delay, '-U', "two\nlines", '--', 'sleep', '1000');
	$odd->wait_command;
	like(withlock('x', '-n', 'true')->stderr, qr/\A.*by pid \d+ \(two\\x0alines, .*\n.*\n\z/, 'the name of a role with a newline');
	kill 'TERM', $odd->pid;
	$odd->wait;
}

# --- The command to copy: what it says is what is meant, and no more

foreach my $name (q{it's}, '$(touch hit)', '`touch hit`', '"; touch hit; "', 'a b', '-x', '--', '!x', '*', '~', '\\', q{'\''},
	encode_utf8('ключ'), encode_utf8('鍵'), 'a=b', '#x', '{a,b}', '&', '%s')
{
	my @end = $name =~ /^-/ ? ('--') : ();
	my $holder = start_withlock(@end, $name, @end, 'sleep', '1000');
	$holder->wait_command;
	my $refused = withlock('-n', @end, $name, @end, 'true');
	my ($command) = $refused->stderr =~ /^withlock: to end the holder: (withlock --kill.*)$/m;
	$command //= 'none';
	foreach my $shell ('sh', 'bash', 'zsh')
	{
		next if missing_program($shell);
		my $said = start_program({}, $shell, '-c', $command =~ s/^withlock --kill/withlock --json --status/r);
		is($said->wait, 75, "$shell runs: $command");
		like($said->stdout, qr/^\[\{"name" : .*"state|^\[\{"name"/, '... and means that name');
	}
	kill 'TERM', $holder->pid;
	$holder->wait;
}
ok(!-e 'hit', 'no name has run a command');
delete $ENV{WITHLOCK_DB};
my $holder = start_withlock('x', '-d', conninfo($node), '--', 'sleep', '1000');
$holder->wait_command;
my $port = $node->port;
my $host = $node->host;
foreach my $case (
	[['-d', "host=$host port=$port dbname=postgres"], qr/--kill -d 'host=\S+ port=\d+ dbname=postgres' x\n/],
	[['-h', $host, '-p', $port, '-d', 'postgres'], qr/--kill -d postgres -h \S+ -p \d+ x\n/],
	[['-d', "host=$host port=$port dbname=postgres password=sEcReT"], qr/the holder: --kill with the same/],
	[['-d', "host=$host port=$port dbname=postgres options='-c a.b=sEcReT'"], qr/the holder: --kill with the same/],
	[['-d', "host=$host port=$port dbname=postgres passfile=/sEcReT"], qr/passfile=/])
{
	my ($options, $hint) = @$case;
	my $refused = withlock('x', '-n', @$options, 'true');

	like($refused->stderr, $hint, "the hint for @$options");
	my ($command) = $refused->stderr =~ /^withlock: to end the holder: (withlock --kill.*)$/m;
	next unless defined $command;
	is(start_program({}, 'sh', '-c', $command =~ s/--kill/--status/r)->wait, 75, '... reaches the same lock');
}
kill 'TERM', $holder->pid;
$holder->wait;

# --- Columns

$ENV{WITHLOCK_DB} = conninfo($node);
my @wide = ('鍵鍵鍵', 'ключ', "e\x{301}te\x{301}", '🔒', 'plain');
my @running = map { start_withlock(encode_utf8($_), @no_delay, '--', 'sleep', '1000') } @wide;
$_->wait_command foreach @running;
my %columns = ('鍵鍵鍵' => 6, 'ключ' => 4, "e\x{301}te\x{301}" => 3, '🔒' => 2, 'plain' => 5);
my @lines = split /\n/, decode_utf8(withlock('--list')->stdout);
my $width = index $lines[0], 'MODE';
foreach my $name (@wide)
{
	my ($line) = grep { /^\Q$name\E / } @lines;
	my ($blanks) = ($line // '') =~ /^\Q$name\E( +)exclusive/;

	is($columns{$name} + length($blanks // ''), $width, encode_utf8("aligned by columns of the terminal: $name"));
}
foreach my $locale ('C', 'POSIX', 'C.UTF-8')
{
	is(decode_utf8(withlock({ env => { LC_ALL => $locale } }, '--list')->stdout) =~ /^鍵鍵鍵( +)exclusive/m ? 6 + length $1 : 0,
		$width, "... in the locale $locale");
}
# The line at a terminal is cut to its width, in columns
my $terminal = Terminal->new(columns => 40);
my $long = '鍵' x 30;
my $busy = start_withlock(encode_utf8($long), @no_delay, '--', 'sleep', '1000');
$busy->wait_command;
$terminal->type(encode_utf8("withlock $long true\n"));
my $shown = $terminal->wait_for(qr/withlock: "[^"\r\n]*\e\[K|withlock: "[^"\r\n]*\r/);
$terminal->type("\cC");
$terminal->wait_prompt;
my ($line) = $shown =~ /withlock: ("[^"\r\n\e]*)[\r\e]/;
my $seen = decode_utf8($line // '');
is(length($seen), 1 + 14, 'the line at a terminal is cut to its columns');
kill 'TERM', $busy->pid, map { $_->pid } @running;
$_->wait foreach $busy, @running;

# --- A terminal without colours, as NO_COLOR and those who cannot see them want

my $colours = Terminal->new(columns => 120);
$colours->run('withlock --list; withlock --help; withlock --status x');
unlike($colours->wait_prompt, qr/\e\[[\d;]*m/, 'no colours');

# --- A pooler

SKIP:
{
	my $missing = missing_program('pgbouncer');
	skip "$missing is not installed", 1 if $missing;

	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	my $pooled = start_pooler($node, 'transaction', 1);
	my $sql = q{SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
		WHERE name IN ('statement_timeout', 'lock_timeout', 'search_path', 'advisory_lock.allow_standby', 'default_transaction_read_only',
			'transaction_read_only', 'idle_session_timeout', 'idle_in_transaction_session_timeout')};
	foreach my $database (@databases)
	{
		my $settings = sub { (run_command(['psql', '-XAt', '-d', "$pooled$database", '-c', $sql]))[0] };
		my $fresh = $settings->();
		my $holder = start_withlock('x', '-d', conninfo($node, $database), @no_delay, '--', 'sleep', '1000');
		$holder->wait_command;
		foreach my $case ([0, '--list'], [75, '--status', 'x'], [0, '--list', '--json'], [0, '--kill', 'x'], [1, '--kill', 'nobody'])
		{
			my ($status, @look) = @$case;

			is(withlock(@look, '-d', "$pooled$database")->status, $status, "through a pooler: @look ($database)");
			is($settings->(), $fresh, '... leaves the settings as they were');
		}
		is($holder->wait, 74, '... and kills');
		command_ok(['psql', '-Xq', '-d', "$pooled$database", '-c', 'CREATE TABLE here(); DROP TABLE here'], 'the session can be used');
	}

	# Who waits there does not take itself for one who is ahead
	my $busy = start_withlock('x', '-d', conninfo($node), @no_delay, '--', 'sleep', '1000');
	$busy->wait_command;
	my $waits = Terminal->new(columns => 120);
	$waits->type("withlock x -d '" . start_pooler($node, 'transaction', 3) . "postgres' --transaction true\n");
	my $line = $waits->wait_for(qr/waiting \d+ s, [^\r]*held[^\r]*by pid[^\r]*waiting/);
	unlike($line, qr/ahead/, 'behind a pooler nobody is ahead');
	like($line, qr/; 1 waiting$/, '... and one waits');
	$waits->type("\cC");
	$waits->wait_prompt;
	kill 'TERM', $busy->pid;
	$busy->wait;
}

# --- Memory that runs out in the middle of a list

SKIP:
{
	my $reason = cannot_compile();
	my $library = PostgreSQL::Test::Utils::tempdir() . '/no_big_malloc.so';
	my $many = session($node);

	skip $reason if $reason;
	system_or_bail($ENV{CC} // 'cc', '-O', '-shared', '-fPIC', '-o', $library, "$FindBin::RealBin/lib/no_big_malloc.c");
	$many->query("SELECT count(advisory_lock.lock('one of many ' || i)) FROM generate_series(1, 1000) i");
	my $whole = withlock('--list', '-d', conninfo($node));
	is(scalar(() = $whole->stdout =~ /^one of many/mg), 1000, 'a list of many');
	my $ended = withlock({ env => { LD_PRELOAD => $library } }, '--list', '-d', conninfo($node));
	is($ended->status, 70, '70: there is no memory for it');
	is($ended->stdout, '', '... and no part of it');
	is($ended->stderr, "withlock: out of memory\n", '... which is said');
	$many->quit;
}

done_testing();
