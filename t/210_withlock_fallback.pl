# Copyright (c) 2026 the advisory_lock authors
#
# withlock in databases without the extension, on a standby, and on servers
# that are not what they seem.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Withlock;

my $node = start_node('main', init => [allows_streaming => 1]);
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$ENV{WITHLOCK_DB} = conninfo($node, 'bare');

# The same keys: test-lock is the published vector.
my $raw = session($node, 'bare');
$raw->query('SELECT pg_advisory_lock(-107789403, -1898803861)');
is(withlock('test-lock', '-n', 'true')->status, 75, 'a raw lock with the same keys excludes withlock');
is(withlock('test-lock', '-t', '1.5', 'true')->status, 75, '... with a timeout, too');
my $waiter = start_withlock('test-lock', '-v', '--', 'sh', '-c', 'echo "token [$WITHLOCK_TOKEN]"; exit 5');
wait_until
{
	$node->safe_psql('bare', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq '1';
}
'it waits in the queue of the server';
$raw->query('SELECT pg_advisory_unlock(-107789403, -1898803861)');
is($waiter->wait, 5, 'it gets the lock when that is free');
is($waiter->stdout, "token []\n", '... without a token');
like($waiter->stderr, qr/no extension advisory_lock: no token/, '... and -v says what is missing');

my $holder = start_withlock('test-lock', '--', 'sleep', '60');
$holder->wait_command;
is($raw->query('SELECT pg_try_advisory_lock(-107789403, -1898803861)'), 'f', 'withlock excludes a raw lock');
my $refused = withlock('test-lock', '-n', 'true');
like($refused->stderr, qr/not obtained: held by pid \d+ \(\w+, withlock: test-lock, local\)\n.*--kill/, 'the farewell works without the extension');
my $status = withlock('--status', 'test-lock');
is($status->status, 75, '--status');
like($status->stdout, qr/^test-lock: held by pid \d+/, '... says who');
$raw->query('SELECT pg_advisory_lock(72707369)');
like(withlock('--list')->stdout, qr/^- +72707369 +exclusive +held/m, '--list shows a key of one bigint');
$raw->query('SELECT pg_advisory_unlock(72707369)');
like(withlock('--list')->stdout, qr/^- +-107789403,-1898803861 +exclusive +held/m, '--list shows the keys');
like(withlock('--list', 'test-lock')->stdout, qr/^test-lock +exclusive +held/m, '... or the name it was asked for');
is(withlock('--kill', 'test-lock')->status, 0, '--kill');
is($holder->wait, 74, '... ends the holder');
is(withlock('a', '--also', 'b', '--', 'sh', '-c', 'exit 6')->status, 6, '--also');
is(withlock('s', '-s', '--', 'withlock', '-n', '-s', 't', 'true')->status, 0, '-s');

# A lost lock
my $running = start_withlock('x', '--', 'sleep', '60');
$running->wait_command;
$node->safe_psql('bare', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: x'");
is($running->wait, 74, '74: the lock was lost');

# --- A standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
foreach my $database ('postgres', 'bare')
{
	my $ended = withlock('x', '-d', conninfo($standby, $database), 'true');
	is($ended->status, 69, "69: a standby ($database)");
	like($ended->stderr, qr/^withlock: lock "x": .*(standby|read-only|recovery|read-write)/m, '... with the reason');
}
is(withlock('x', '-d', 'host=' . $standby->host . ',' . $node->host . ' port=' . $standby->port . ',' . $node->port . ' dbname=bare', 'true')->status,
	0, 'of several servers the primary is taken');
my $ended = withlock('x', '-d', conninfo($standby, 'bare') . ' target_session_attrs=any', 'true');
is($ended->status, 69, '69: a standby, though the connection string allows it');

# --- Servers whose advisory locks always say yes

# They grant the lock, but it is not in pg_locks.  A server calls its built-in
# functions without looking them up, so the stubs have to be such as are inlined.
$node->safe_psql('postgres', 'CREATE DATABASE stub');
$node->safe_psql('stub', <<'EOT');
SET allow_system_table_mods = on;
CREATE OR REPLACE FUNCTION pg_catalog.pg_advisory_lock(integer, integer) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0)';
CREATE OR REPLACE FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
EOT
foreach my $how ([], ['-n'], ['-t', '5'])
{
	$ended = withlock('x', '-d', conninfo($node, 'stub'), @$how, '--', 'echo', 'run');
	is($ended->status, 69, "69: advisory locks that are none (@$how)");
	is($ended->stdout, '', '... the command is not run');
	like($ended->stderr, qr/^withlock: lock "x": ./m, '... and the reason is given');
}

# CockroachDB announces itself by a parameter.
sub message { return $_[0] . pack('N', 4 + length $_[1]) . $_[1]; }
my $cockroach = Proxy->new(undef, greeting => message('R', pack 'N', 0)
	  . message('S', "crdb_version\0CockroachDB CCL v25.1.0\0")
	  . message('S', "server_version\0" . "13.0.0\0")
	  . message('S', "client_encoding\0UTF8\0")
	  . message('S', "standard_conforming_strings\0on\0")
	  . message('S', "default_transaction_read_only\0off\0")
	  . message('S', "in_hot_standby\0off\0")
	  . message('K', pack 'NN', 1, 1)
	  . message('Z', 'I'));
$ended = withlock('x', '-d', $cockroach->conninfo, '--', 'echo', 'run');
is($ended->status, 69, '69: CockroachDB');
like($ended->stderr, qr/advisory locks of this server are not reliable/, '... with the reason');
$cockroach->close;

# Something that is no PostgreSQL server at all
my $other = Proxy->new(undef, greeting => "HTTP/1.1 400 Bad Request\r\n\r\n");
is(withlock('x', '-d', $other->conninfo, '-t', '5', 'true')->status, 69, '69: no PostgreSQL server');
$other->close;

# One that says nothing: the deadline holds
my $silent = Proxy->new(undef, greeting => '');
$ended = withlock('x', '-d', $silent->conninfo, '-t', '0.7', 'true');
is($ended->status, 69, '69: a server that says nothing, with -t');
cmp_ok($ended->seconds, '>', 0.65, '... not before the time is up');
# without one it would be tried again and again
cmp_ok($ended->seconds, '<', 0.7 + 20, sprintf('... soon after it: %.3f s', $ended->seconds));
$silent->close;

# The deadline for a busy lock, with the extension and without
foreach my $database ('postgres', 'bare')
{
	my $other = session($node, $database);

	$other->query('SELECT pg_advisory_lock(-107789403, -1898803861)');
	$ended = withlock('test-lock', '-d', conninfo($node, $database), '-t', '1.3', 'true');
	is($ended->status, 75, "-t and a busy lock ($database)");
	cmp_ok($ended->seconds, '>', 1.25, '... not before the time is up');
	cmp_ok($ended->seconds, '<', 1.3 + 20, sprintf('... soon after it: %.3f s', $ended->seconds));
}

# The extension comes while withlock waits and holds: the keys are the same, and
# who still waits by them does so anew by the extension; but not who is first in
# the queue for a permit, where nobody comes before
$node->safe_psql('postgres', 'CREATE DATABASE comes');
foreach my $how ([], ['--transaction'], ['--permits', '1'])
{
	my $token = $how->[0] && $how->[0] eq '--permits' ? '' : '\d+';
	my @same = ('x', @$how, '-d', conninfo($node, 'comes'));
	my $first = start_withlock(@same, '--', 'sleep', '1000');
	my $command = $first->wait_command;
	my $second = start_withlock(@same, '--', 'sh', '-c', 'echo "token [$WITHLOCK_TOKEN]"; exec sleep 1000');
	wait_until
	{
		$node->safe_psql('comes', "SELECT count(DISTINCT l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database AND d.datname = 'comes' WHERE locktype = 'advisory'") eq '2';
	}
	'one holds and one waits';
	$node->safe_psql('comes', 'CREATE EXTENSION advisory_lock');
	is(withlock(@same, '-n', 'true')->status, 75, "@$how: the extension is created, and keeps who uses it off");
	kill 'TERM', $command;
	$first->wait;
	$second->wait_output(qr/token \[.*\]/);
	like($second->stdout, qr/token \[$token\]/, '... who waited has the lock');
	is(withlock(@same, '-n', 'true')->status, 75, '... and keeps others off');
	kill 'TERM', $second->wait_command;
	is($second->wait, 128 + 15, '... until the end of its command');
	is(withlock(@same, '-n', '--', 'true')->status, 0, '... which gives it back');
	$node->safe_psql('comes', 'DROP EXTENSION advisory_lock');
}

# The extension comes between the look at it and the call, and with it somebody
# whose lock is lost: others are kept off for his command's sake
my $proxy = Proxy->new($node);
my $lock = 'race';
foreach my $case (
	[[], 'pg_advisory_lock'], [['--also', 'other'], 'pg_advisory_lock'], [['--transaction'], 'pg_advisory_xact_lock'],
	[['--permits', '1'], 'pg_advisory_lock'])
{
	my ($how, $call) = @$case;
	my @permits = grep { $_ eq '--permits' || $_ eq '1' } @$how;

	$lock++;
	$proxy->hold($call);
	my $late = start_withlock($lock, @$how, '-d', $proxy->conninfo('comes'), '--', 'echo', 'run');
	wait_until { $proxy->held } 'it is about to call';
	$node->safe_psql('comes', 'CREATE EXTENSION advisory_lock');
	my $loser = start_withlock($lock, @permits, '--lock-delay', '60s', '-d', conninfo($node, 'comes'), '--', 'sleep', '1000');
	$loser->wait_command;
	$node->safe_psql('comes', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: $lock' AND pid IN (SELECT pid FROM advisory_lock.locks WHERE name LIKE '$lock%')");
	is($loser->wait, 74, "@$how: the extension comes before the call");
	wait_until { $node->safe_psql('comes', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: $lock'") eq '1' } 'its session has ended';
	$proxy->go;
	$late->wait_errors(qr/just been created/);
	kill 'TERM', $late->pid;
	is($late->wait, 128 + 15, '... and keeps others off after a loss');
	is($late->stdout, '', '... so that no command runs beside one in its grace');
	$node->safe_psql('comes', 'DROP EXTENSION advisory_lock');
}

# It goes between the look and the call
foreach my $case (
	[[], 'CALL advisory_lock.acquire'],
	[['--also', 'other'], 'CALL advisory_lock.acquire'], [['--permits', '1'], 'CALL advisory_lock.acquire'],
	[['--transaction'], 'advisory_lock.xact_lock'])
{
	my ($how, $call) = @$case;

	$node->safe_psql('comes', 'CREATE EXTENSION advisory_lock; CREATE ROLE ordinary LOGIN; GRANT USAGE ON SCHEMA advisory_lock TO ordinary');
	foreach my $user ([], ['-U', 'ordinary'])
	{
		$node->safe_psql('comes', 'CREATE EXTENSION IF NOT EXISTS advisory_lock');
		$lock++;
		$proxy->hold($call);
		my $late = start_withlock($lock, @$how, @$user, '-d', $proxy->conninfo('comes'), '--', 'sh', '-c', 'echo "token [$WITHLOCK_TOKEN]"');
		wait_until { $proxy->held } 'it is about to call';
		$node->safe_psql('comes', 'DROP EXTENSION advisory_lock');
		$proxy->go;
		is($late->wait, 0, "@$how @$user: the extension goes before the call");
		is($late->stdout, "token []\n", '... the command runs once, by the same keys');
		like($late->stderr, qr/not there any more/, '... and the reason is said');
	}
	$node->safe_psql('comes', 'DROP ROLE ordinary');
}
$proxy->close;

done_testing();
