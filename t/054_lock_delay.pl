# Copyright (c) 2026 the advisory_lock authors

# Others are kept off a name after its holder was lost, if it asked for that.
# Needs sessions that are killed and a server that is restarted.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;

my $node = start_node('main', conf => 'restart_after_crash = on');

# A session that holds a name, or a key, with a delay, and is then gone as $end
# does it.
sub lose_holder
{
	my ($name, $delay, $end, $function) = @_;
	my $lock = $name =~ /^\d+$/ ? $name : "'$name'";
	my $holder = session($node);

	# In this order: the server has started just now, see the end of this test.
	$function //= 'lock';
	$holder->query("SELECT advisory_lock.$function($lock); SET advisory_lock.lock_delay = '$delay'");
	my $lost_at = time;
	$end->($holder);
	$holder->quit;
	wait_until
	{
		$node->safe_psql('postgres',
			'SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $holder->pid) eq '0'
	}
	'the holder is gone';
	return $lost_at;
}

sub terminate
{
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $_[0]->pid . ')');
	return;
}

# === While the delay lasts ===

my $session = session($node);
my $observer = session($node);
my $lost_at = lose_holder('job', '4s', \&terminate);
is($session->query("SELECT advisory_lock.try_lock('job')"), 'f', 'kept off at once');
is($session->query("SELECT advisory_lock.try_lock('job', '100 ms')"), 'f', 'and within a timeout');
is($session->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0',
	'which left nothing held');
is($session->query("SELECT advisory_lock.try_lock('other')"), 't', 'other names are free');
is( $session->query(
		"SELECT mode, granted, pid IS NULL, delayed_until > now(), delay_reason FROM advisory_lock.locks
		  WHERE name = 'job'"),
	'exclusive|t|t|t|holder lost',
	'the view says that the name is kept off, and why');

$session->start("SELECT advisory_lock.lock('job')");
my $waiting = wait_until
{
	$observer->query("SELECT granted, acquired_at IS NULL, delayed_until > now(), delay_reason FROM advisory_lock.locks
		 WHERE name = 'job' AND pid = " . $session->pid)
}
'the acquirer is seen';
is($waiting, 'f|t|t|holder lost', 'and why somebody waits');
$session->finish;
my $waited = time - $lost_at;
cmp_ok($waited, '>=', 4, 'lock() waited for the end of the delay');
cmp_ok($waited, '<', 60, 'and not much longer');
is($observer->query("SELECT granted, delayed_until IS NULL FROM advisory_lock.locks WHERE name = 'job'"),
	't|t', 'the view shows the new holder');

# === A lock that has a key and no name ===

lose_holder(72707369, '1h', \&terminate);
is($session->query('SELECT advisory_lock.try_lock(72707369)'), 'f', 'a key of one bigint is kept off');
is( $session->query(
		'SELECT name IS NULL, key1 IS NULL, key2 IS NULL, key FROM advisory_lock.locks WHERE pid IS NULL'),
	't|t|t|72707369', 'and shown as what it is');
is($session->query('SELECT advisory_lock.terminate_holders(72707369), advisory_lock.try_lock(72707369), advisory_lock.unlock(72707369)'),
	'0|t|t', 'terminate_holders() lifts that');

# === Who holds the lock already, in shared mode, and wants more ===

my $upgrader = session($node);
my $shared_token = $upgrader->query("SELECT advisory_lock.lock_shared('both')");
my $both = "FROM advisory_lock.locks WHERE name = 'both' AND pid = " . $upgrader->pid;
lose_holder('both', '1h', \&terminate, 'lock_shared');
is($upgrader->query("SELECT advisory_lock.try_lock('both', '10 ms')"), 'f', 'the upgrade is kept off');
is($observer->query("SELECT mode, granted, token = $shared_token, acquired_at IS NULL, delayed_until IS NULL $both"),
	'shared|t|t|f|t', 'and the view still shows what is held');
$upgrader->start("SELECT advisory_lock.lock('both')");
wait_until { $observer->query("SELECT count(*) $both") eq '2' } 'the upgrade is seen';
wait_until
{
	$observer->query("SELECT string_agg(mode || ' ' || granted, ', ' ORDER BY mode) $both") eq
	  'exclusive false, shared true'
}
'and which of both is held';
is($observer->query("SELECT pg_cancel_backend(" . $upgrader->pid . ')'), 't', 'canceled');
is($upgrader->finish_state, '57014', 'while it is kept off');
is($observer->query("SELECT mode, granted, token = $shared_token, acquired_at IS NULL, delayed_until IS NULL $both"),
	'shared|t|t|f|t', 'which leaves the view as it was');
is($observer->query("SELECT advisory_lock.terminate_holders('both')"), '1', 'a holder that can be terminated');
$upgrader->quit;

# === No delay after a release, nor without having asked for it ===

$session->query("SET advisory_lock.lock_delay = '1h'");
$session->query("SELECT advisory_lock.unlock('job')");
is($observer->query("SELECT advisory_lock.try_lock('job')"), 't', 'no delay after unlock()');
$observer->query("SELECT advisory_lock.unlock('job')");
$session->query('RESET advisory_lock.lock_delay');
lose_holder('plain', '0', \&terminate);
is($session->query("SELECT advisory_lock.try_lock('plain')"), 't', 'no delay without asking');
lose_holder('released', '1h', sub { $_[0]->query('DISCARD ALL') });
is($session->query("SELECT advisory_lock.try_lock('released')"), 't', 'DISCARD ALL is a release');

# === Every way to be lost ===

lose_holder('closed', '1h', sub { });
is($session->query("SELECT advisory_lock.try_lock('closed')"), 'f', 'the connection was closed');
lose_holder('killed', '1h', sub { kill 'KILL', $_[0]->{run}{KIDS}[0]{PID} });
is($session->query("SELECT advisory_lock.try_lock('killed')"), 'f', 'the client was killed');
lose_holder('in transaction', '1h',
	sub { $_[0]->query("SET advisory_lock.lock_delay = 0; BEGIN; SELECT advisory_lock.xact_lock('xact');
		 SET LOCAL advisory_lock.lock_delay = '1h'"); terminate($_[0]) });
is($session->query("SELECT advisory_lock.try_xact_lock('xact')"), 'f',
	'a transaction-level lock was lost');
is($session->query("SELECT advisory_lock.try_lock_many(ARRAY['other', 'closed'])"), 'f',
	'one of many is kept off, so all are');

# A re-entrant acquire is not kept off by what others have lost.
$session->query("SELECT advisory_lock.lock('again')");
is($session->query("SELECT advisory_lock.try_lock('again')"), 't', 'the holder acquires again');

# A cancel ends the wait, and leaves nothing.
$session->start("SELECT advisory_lock.lock('closed')");
wait_until
{
	$observer->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'closed' AND pid = " . $session->pid)
}
'the acquirer waits';
$observer->query('SELECT pg_cancel_backend(' . $session->pid . ')');
is($session->finish_state, '57014', 'a wait for the end of a delay can be canceled');
is($session->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'closed' AND pid = pg_backend_pid()"),
	'0', 'and then nothing is held');

# === A lock whose acquire was not completed was nobody's ===

lose_holder('unfinished', '10min', \&terminate);
my $waiter = session($node);
$waiter->start("SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.lock('unfinished')");
wait_until
{
	$observer->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'unfinished' AND pid = " . $waiter->pid)
}
'the acquirer waits for the end of the delay';
terminate($waiter);
$waiter->quit;
wait_until
{
	$observer->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $waiter->pid) eq '0'
}
'the acquirer is gone';
is( $session->query("SELECT delayed_until < now() + '20 min' FROM advisory_lock.locks WHERE name = 'unfinished'"),
	't', 'who is terminated while it waits keeps nobody off');

# === How many are kept, and what that costs ===

is($session->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'many 1'"), '0',
	'nobody has the names that follow');
$waiter = session($node);
$waiter->query("SELECT count(advisory_lock.lock('many ' || i)) FROM generate_series(1, 6000) i;
	SET advisory_lock.lock_delay = '1h'");
my $end_began_at = time;
terminate($waiter);
$waiter->quit;
wait_until
{
	$observer->query("SELECT count(*) FROM pg_stat_activity WHERE pid = " . $waiter->pid) eq '0'
}
'the session has ended';
cmp_ok(time - $end_began_at, '<', 3, 'a session that holds 6,000 locks ends at once');
is($observer->query("SELECT count(*) FROM advisory_lock.locks WHERE pid IS NULL AND name LIKE 'many %'"),
	'6000', 'and keeps others off all of them');

# Who shares a lock does not get all of it before the others' time.
my ($lost, $sharer) = map { session($node) } 1 .. 2;
$_->query("SELECT advisory_lock.lock_shared('shared')") foreach $lost, $sharer;
$lost->query("SET advisory_lock.lock_delay = '1h'");
terminate($lost);
wait_until { $observer->query("SELECT count(*) FROM advisory_lock.locks WHERE name = 'shared' AND pid IS NULL") eq '1' }
'one of two who share a lock is lost';
is($sharer->query("SELECT advisory_lock.try_lock('shared')"), 'f', 'the other is kept off from all of it');
is($sharer->query("SELECT advisory_lock.try_lock_shared('shared')"), 't', 'but keeps its share');
is($sharer->query("SELECT advisory_lock.unlock_all()"), '1', '... which is one lock');
$_->quit foreach $lost, $sharer;

# === After a restart what was held is unknown: the acquirer's own delay ===

my %stop = (
	'an immediate restart' => sub { $node->stop('immediate'); $node->start; },
	'a crash of a backend' => sub {
		my $victim = session($node);
		crash_backend($node, $victim->pid);
		$victim->quit;
	});
foreach my $what (sort keys %stop)
{
	$_->quit foreach $session, $observer;
	$stop{$what}->();
	$session = session($node);
	$observer = session($node);
	is($observer->query("SELECT advisory_lock.try_lock('any')"), 't',
		"after $what, whoever asks for no delay gets the lock");
	is($observer->query("SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.try_lock('a job')"), 'f',
		'whoever asks for a long one is kept off');
	$session->query("SET advisory_lock.lock_delay = '2s'; SELECT advisory_lock.lock('a job')");
	is( $session->query(
			"SELECT clock_timestamp() - backend_start >= '2s' FROM pg_stat_activity
			  WHERE backend_type = 'walwriter'"),
		't',
		'and gets it when the server has been running for so long');
}

# Every permit of a pool is kept off alike, however many there are.
my $poll = sub { $observer->query("SELECT advisory_lock.acquire_permit('pool', 2147483647, '$_[0]')") };
my $begun = time;
is($poll->('0'), '', 'a pool is kept off as well');
is($poll->('300 ms'), '', '... until the deadline');
cmp_ok(time - $begun, '<', 30, '... without a look at each permit');
$session->start("SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.acquire_permit('pool', 2)");
wait_until
{
	$observer->query("SELECT delayed_until > now() + '10 min' AND delay_reason = 'server start'
		FROM advisory_lock.locks WHERE pid = @{[ $session->pid ]} AND name = 'pool#queue'") eq 't'
}
'the view says for how long';
$observer->query("SELECT pg_cancel_backend(@{[ $session->pid ]})");
is($session->finish_state, '57014', '... to whom waits');
is( $session->query("SET advisory_lock.lock_delay = '2s'; SELECT advisory_lock.acquire_permit('pool', 2)"),
	'1', 'and a short delay is waited out');
is($observer->query("SELECT string_agg(name || coalesce(delay_reason, ''), ' ') FROM advisory_lock.locks WHERE pid = @{[ $session->pid ]} AND name ~ 'pool'"),
	'pool#1', '... of which nothing is left');

# === Nothing was held in a database that is new ===

$session->query('CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION advisory_lock');
is( $node->safe_psql('fresh',
		"SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.try_lock('a job')"),
	't',
	'no delay after a start in a database that gave no token before');

# An extension that is created anew knows what the one before it knew.
$node->safe_psql('postgres', 'DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
is( $node->safe_psql('postgres',
		"SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.try_lock('before and after')"),
	'f',
	'... but in one that did, also where the extension was created anew since');

# === Who asks later need not look for the start among all sessions ===

like(
	$node->safe_psql('postgres',
		"BEGIN; SET LOCAL advisory_lock.lock_delay = '1s'; SELECT advisory_lock.lock('asked'); "
		  . "SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'Backend Status Snapshot'; ROLLBACK"),
	qr/(^|\n)0$/,
	'what all sessions do is not copied for it');

# === There is room for so many ===

$_->quit foreach $session, $observer;
$node->append_conf('postgresql.conf', 'advisory_lock.max_names = 5');
$node->restart;
$session = session($node);
$session->query("SELECT advisory_lock.lock_many(ARRAY(SELECT 'n' || i FROM generate_series(1, 8) i));
	SET advisory_lock.lock_delay = '1h'");
terminate($session);
$session->quit;
$session = session($node);
wait_until { $session->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") eq '0' }
'the session has ended';
is($session->query('SELECT count(*) FROM advisory_lock.locks WHERE pid IS NULL'), '5',
	'no more delays than there is room for');
is($session->query("SELECT count(*) FROM generate_series(1, 8) i WHERE advisory_lock.try_lock('n' || i)"), '3',
	'names without a delay are free');

# === A server of one process has started, too ===

$session->quit;
$node->stop;
my $alone;
IPC::Run::run(
	[ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ],
	'<', \"SET advisory_lock.lock_delay = '1s'\nSELECT advisory_lock.try_lock('alone', '30 s')\n",
	'>', \$alone);
like($alone, qr/try_lock = "t"/, 'in single-user mode a delay after the start ends as well');

done_testing();
