# Copyright (c) 2026 the advisory_lock authors
#
# withlock and a real connection pooler: refused where a lock would not be
# one, right with --transaction, and in session mode with --allow-pooler.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $missing = missing_program('pgbouncer');
plan skip_all => "$missing is not installed" if $missing;
$ENV{PATH} .= ':/usr/sbin:/sbin';

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE bare');

# --- Transaction mode: two clients share one server connection

my $pool = start_pooler($node, 'transaction', 1);

my $ended = withlock('x', '--db', "${pool}postgres", '--', 'echo', 'run');
is($ended->status, 69, 'a pooler is refused with 69');
is($ended->stdout, '', '... and the command is not run');
like($ended->stderr, qr/pooler/, '... with the reason');
like($ended->stderr, qr/^withlock: hint: .*--transaction.*--allow-pooler/m, '... and what can be done');

# Two server connections now, so that the two locks can be held apart at all.
my $pair = start_pooler($node, 'transaction', 2);
foreach my $database ('postgres', 'bare')
{
	foreach my $lock (['x'], [ '--key', '72707369' ], [ '--key', '-7,8' ])
	{
		my @transaction = (@$lock, '--db', "$pair$database", '--transaction');
		my $holder = start_withlock(@transaction, '--', 'sleep', '60');
		$holder->wait_command;
		is(withlock(@transaction, '-n', 'true')->status, 75, "--transaction excludes through the pooler (@$lock, $database)");
		is(withlock(@$lock, '-d', conninfo($node, $database), '-n', 'true')->status, 75, '... and without it');
		kill 'TERM', $holder->pid;
		$holder->wait;
		is(withlock(@transaction, '-n', 'true')->status, 0, '... and frees the lock');
	}
}

# A tool's lock, which who takes it without us sees, and which is lost as a name's.
my @prisma = ('--key', 'prisma', '--db', "${pair}postgres", '--transaction');
is(withlock('--key', 'prisma', '--db', "${pair}postgres", 'true')->status, 69, 'a pooler is refused for a key, too');
my $tool = session($node);
my $migrations_off = start_withlock(@prisma, '--', 'sleep', '60');
$migrations_off->wait_command;
is($tool->query('SELECT pg_try_advisory_lock(72707369)'), 'f', 'a tool is kept off through the pooler');
is($tool->query('SELECT advisory_lock.terminate_holders(72707369)'), 1, '... until its holder is ended');
is($migrations_off->wait, 74, '... which notices');
wait_until { $tool->query('SELECT pg_try_advisory_lock(72707369)') eq 't' } 'the tool has the lock, once that session has ended';
is(withlock(@prisma, '-n', 'true')->status, 75, '... which keeps off who comes through the pooler');
my $after_tool = start_withlock(@prisma, '--', 'echo', 'run');
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' } 'one waits for the tool';
$tool->quit;
is($after_tool->wait, 0, '... and runs when the tool has ended');

# One server connection for two clients: the second cannot even begin while
# the first has its transaction open, so that the commands never overlap.
my $file = PostgreSQL::Test::Utils::tempdir() . '/turns';
my @turns = map {
	start_withlock('x', '--db', "${pool}postgres", '--transaction', '--', 'sh', '-c',
		"echo begin >> $file; sleep 0.3; echo end >> $file")
} 1 .. 4;
is(join(' ', map { $_->wait } @turns), '0 0 0 0', 'four clients over one server connection');
is(slurp_file($file), "begin\nend\n" x 4, '... take turns');

# The settings of the session are gone when somebody else gets the connection.
my $settings = q{SELECT current_setting('statement_timeout') || current_setting('search_path') || current_setting('idle_in_transaction_session_timeout')};
my $fresh = $node->safe_psql('postgres', $settings);
my ($out) = run_command(['psql', '-XAt', '-d', "${pool}postgres", '-c', $settings]);
is($out, $fresh, 'no setting is left on the pooled connection');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
	0, '... nor a lock');

# A lost connection is noticed through a pooler, too.
my $lost = start_withlock('x', '--db', "${pool}postgres", '--transaction', '--', 'sleep', '60');
$lost->wait_command;
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('x')");
is($lost->wait, 74, 'a lost lock behind a pooler');

# A pooler passes no cancel request on to a server that is frozen, and lets who
# sent it wait.
my $keeper = session($node);
$keeper->query("SELECT advisory_lock.lock('x')");
my $waiter = start_withlock('x', '--db', "${pair}postgres", '--transaction', 'true');
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' } 'it waits';
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
my @frozen = ($postmaster, children_of($postmaster));
kill 'STOP', @frozen;
my $begin = time;
kill 'TERM', $waiter->pid;
my $ended_by = eval { $waiter->wait };
kill 'CONT', @frozen;
is($ended_by, 128 + 15, 'TERM ends the wait behind a pooler whose server is frozen');
cmp_ok(time - $begin, '<', 10, '... soon');
$keeper->quit;

# --- Session mode

my $sessions = start_pooler($node, 'session', 5);
is(withlock('x', '--db', "${sessions}postgres", 'true')->status, 69, 'in session mode it is refused, too');
my @allowed = ('x', '--db', "${sessions}postgres", '--allow-pooler');
my $holder = start_withlock(@allowed, '--', 'sleep', '60');
$holder->wait_command;
is(withlock(@allowed, '-n', 'true')->status, 75, '... and excludes with --allow-pooler');
kill 'TERM', $holder->pid;
is($holder->wait, 128 + 15, '... passes signals');
is(withlock(@allowed, '--', 'sh', '-c', 'exit 7')->status, 7, '... and frees the lock');

# The pooler resets a session whose client is gone, which is a release: nobody is
# kept off, so the command gets no grace that would be beside the next holder.
$holder = start_withlock(@allowed, '-v', '--', 'sh', '-c', 'trap "echo end; exit" TERM; echo ready; while :; do sleep 0.1; done');
$holder->wait_output(qr/ready/);
like($holder->stderr, qr/keeps nobody off/, '-v says that nobody is kept off after a loss');
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('x')");
is($holder->wait, 74, 'a lock that is lost in session mode');
is($holder->stdout, "ready\n", '... the command is killed, not told');

# Nor after a SIGKILL of withlock, so that the next holder comes as soon as the
# connection is closed: that is when the command has ended, and all it started.
my $alive = PostgreSQL::Test::Utils::tempdir() . '/alive';
$holder = start_withlock(@allowed, '-c', "$^X -MTime::HiRes=time,sleep -e '" .
	"open F, q(>>), q($alive); F->autoflush; for (1 .. 4000) { print F time, qq(\n); sleep 0.005 }'; true");
wait_until { -s $alive } 'the command has begun';
kill 'KILL', $holder->pid;
my $next = withlock(@allowed, '--', $^X, '-MTime::HiRes=time', '-e', 'print time');
is($next->status, 0, 'SIGKILL of withlock in session mode frees the lock');
my ($last) = slurp_file($alive) =~ /.*?([\d.]+)\n[\d.]*\z/s;
cmp_ok($last, '<', $next->stdout, '... after the end of what the command has started');
note sprintf '%.1f ms after', 1000 * ($next->stdout - $last);

# --- Transaction mode all the same: the statements come to several sessions

my $wrong = start_pooler($node, 'transaction', 2);
my $other = start_withlock('other', '--db', "${wrong}postgres", '--transaction', '--', 'sleep', '60');
$other->wait_command;
my $misled = start_withlock('x', '--db', "${wrong}postgres", '--allow-pooler', '--', 'sleep', '60');
$misled->wait_command;
# The session given back last is used first, and is not the one with the lock.
kill 'TERM', $other->pid;
$other->wait;
is($misled->wait, 74, 'a session that is another one all at once does not hold the lock');

# --- Statement mode: nothing but a lease can be had, and the pooler's own words tell why

my $statements = start_pooler($node, 'statement', 2);
$ended = withlock('x', '--db', "${statements}postgres", '--transaction', '-n', 'true');
is($ended->status, 69, 'statement mode is refused with 69');
like($ended->stderr, qr/lock "x": transaction blocks not allowed in statement pooling mode/, '... in the words of the pooler');
is(withlock('leased', '--db', "${statements}postgres", '--lease', '5s', 'true')->status, 0, '... and has room for a lease');

done_testing();
