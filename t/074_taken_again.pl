# Copyright (c) 2026 the advisory_lock authors

# A name that a session takes again goes a shorter way, see unhindered.c.  What
# is promised of an acquire is to be true of this one.  Needs several sessions,
# and such as are terminated.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => <<'EOT');
advisory_lock.max_names = 40
max_prepared_transactions = 2
log_statement = none
EOT
my $observer = session($node);

# A session that has taken and released the names before.
sub used_to
{
	my (@names) = @_;
	my $session = session($node);

	# Twice, since the first acquire of all in a database is unlike any other.
	$session->query("SELECT advisory_lock.lock('$_'), advisory_lock.unlock('$_')") foreach @names, @names;
	return $session;
}

sub rows
{
	my ($name) = @_;
	return $observer->query("SELECT mode, pid FROM advisory_lock.locks WHERE name = '$name' AND granted ORDER BY pid, mode");
}

sub stats
{
	my ($name, $columns) = @_;
	return $observer->query("SELECT $columns FROM advisory_lock.stats WHERE name = '$name'");
}

sub terminate
{
	my ($session) = @_;

	$observer->query('SELECT pg_terminate_backend(' . $session->pid . ')');
	wait_gone($session);
	return;
}

sub wait_gone
{
	my ($session) = @_;

	wait_until
	{
		$observer->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $session->pid) eq '0'
	}
	'the session is gone';
	$session->quit;
	return;
}

# === What is known when lock() returns ===

my $session = used_to('job');
is( $session->query(<<'EOT'),
SELECT l.name, l.mode, l.granted, l.pid = pg_backend_pid(), l.token = t.token,
	l.acquired_at BETWEEN statement_timestamp() AND clock_timestamp(), l.delayed_until IS NULL
FROM (SELECT advisory_lock.lock('job') AS token OFFSET 0) AS t,
	LATERAL (SELECT * FROM advisory_lock.locks WHERE t.token > 0) AS l
EOT
	'job|exclusive|t|t|t|t|t',
	'the lock is shown within the statement that took it');
is(rows('job'), 'exclusive|' . $session->pid, 'and to others');
is($session->query("SELECT advisory_lock.unlock('job')"), 't', 'it can be released');
is(rows('job'), '', 'and is not shown any more');

$session->query("SELECT advisory_lock.lock_shared('job'), advisory_lock.unlock_shared('job')");
is($session->query("SELECT advisory_lock.lock_shared('job') > 0"), 't', 'a shared lock');
is(rows('job'), 'shared|' . $session->pid, 'is shown as one');
is($session->query("SELECT advisory_lock.lock('job') > 0"), 't', 'held in the other mode as well');
is(rows('job'), join("\n", map { "$_|" . $session->pid } qw(exclusive shared)), 'both are shown');
is($session->query('SELECT advisory_lock.unlock_all()'), '1', 'and released');

# === Tokens ===

my $second = used_to('job');
my @tokens = map { $_->query("SELECT advisory_lock.lock('job'), advisory_lock.unlock('job')") =~ s/\|.*//r }
  ($session, $second) x 50;
is(scalar(grep { $tokens[$_] <= $tokens[ $_ - 1 ] } 1 .. $#tokens), 0, 'tokens rise from holder to holder');

$session->query("SELECT setval('advisory_lock.token_sequence', 1000000 + $tokens[-1])");
cmp_ok($session->query("SELECT advisory_lock.lock('job'), advisory_lock.unlock('job')") =~ s/\|.*//r,
	'>', 1000000 + $tokens[-1], 'and are above where the sequence was set');

# === Counts ===

$observer->query("SELECT advisory_lock.reset_stats('job')");
$_->query("SELECT count(advisory_lock.lock('job')), count(advisory_lock.unlock('job')) FROM generate_series(1, 100)")
  foreach $session, $second;
is(stats('job', 'acquisitions, waits, timeouts, max_hold_time <= total_hold_time'),
	'200|0|0|t', 'each acquire is counted');
is(stats('job', "last_acquired_at BETWEEN now() - interval '1 min' AND now()"), 't', 'with its time');

# Sessions that are terminated or die of a FATAL error in the midst of a hold.
foreach my $end (
	[ 'terminated', \&terminate ],
	[ 'ended by a timeout', sub { wait_gone($_[0]) }, "; SET idle_session_timeout = '60ms'" ])
{
	my ($how, $act, $more) = @$end;
	my $lost = used_to('lost');

	$observer->query("SELECT advisory_lock.reset_stats('lost')");
	$lost->query("SELECT advisory_lock.lock('lost'); SELECT pg_sleep(0.05)" . ($more // ''));
	$act->($lost);
	is(stats('lost', 'acquisitions, total_hold_time >= 50, max_hold_time = total_hold_time'),
		'1|t|t', "a hold is counted whose session was $how");
	is(rows('lost'), '', 'and is not shown any more');
	is($observer->query("SELECT advisory_lock.try_lock('lost'), advisory_lock.unlock('lost')"), 't|t',
		'the name is free');
}

# === What is released, or taken, behind our back ===

my $key = "(advisory_lock.key('job')).key1, (advisory_lock.key('job')).key2";
foreach my $release ('DISCARD ALL', 'SELECT pg_advisory_unlock_all()', "SELECT pg_advisory_unlock($key)")
{
	my $token = $session->query("SELECT advisory_lock.lock('job')");
	is(rows('job'), 'exclusive|' . $session->pid, "held before $release");
	$session->query($release);
	is(rows('job'), '', "not held after $release");
	is($session->query("SELECT advisory_lock.token('job') IS NULL"), 't', 'and has no token');
	my $new = $session->query("SELECT advisory_lock.lock('job')");
	cmp_ok($new, '>', $token, 'taken again it has a new one');
	is($observer->query("SELECT pid, token FROM advisory_lock.locks WHERE name = 'job'"),
		$session->pid . "|$new", 'and is shown once, with that');
	is($session->query("SELECT advisory_lock.unlock('job')"), 't', 'it was held once');
	is(rows('job'), '', 'and then no longer');
}

$session->query("SELECT pg_advisory_lock($key)");
is($session->query("SELECT advisory_lock.lock('job') > 0, advisory_lock.unlock('job')"), 't|t',
	'taken beside a plain lock of its key');
is(rows('job'), 'exclusive|' . $session->pid, 'which is held still');
is($session->query("SELECT pg_advisory_unlock($key)"), 't', 'once');
is(rows('job'), '', 'and then no longer');

# === Until the transaction ends ===

$session->query("BEGIN; SELECT advisory_lock.xact_lock('job'); COMMIT");
$session->query("BEGIN; SELECT advisory_lock.xact_lock('job')");
is(rows('job'), 'exclusive|' . $session->pid, 'held in a transaction');
$session->query('COMMIT');
is(rows('job'), '', 'and not beyond');
$session->query("BEGIN; SAVEPOINT s; SELECT advisory_lock.xact_lock('job'); ROLLBACK TO s");
is(rows('job'), '', 'nor beyond a rollback to a savepoint');
$session->query("COMMIT; BEGIN; SELECT advisory_lock.xact_lock('job'); PREPARE TRANSACTION 'p'");
is($second->query("SELECT advisory_lock.try_lock('job')"), 'f', 'nor released by PREPARE TRANSACTION');
$session->query("COMMIT PREPARED 'p'");
is($second->query("SELECT advisory_lock.try_lock('job'), advisory_lock.unlock('job')"), 't|t', 'but by its commit');

# === Two names with one key ===

my ($one, $other) = ('job-c5cd926bdf8b1673', 'job-45f2cc9a4e570bef');
$session = used_to($one);
$second->query("SELECT advisory_lock.lock('$other')");
like($second->messages, qr/"$one" and "$other" have the same key/, 'who comes second is warned');
$second->query('SELECT advisory_lock.unlock_all()');
foreach ([ $session, $one, $other ], [ $second, $other, $one ], [ $session, $one, $other ])
{
	my ($taker, $mine, $theirs) = @$_;

	is($taker->query("SELECT advisory_lock.try_lock('$mine')"), 't', 'taken again');
	like($taker->messages, qr/"$theirs" and "$mine" have the same key/, 'who takes either one again is warned as well');
	is(rows($mine), 'exclusive|' . $taker->pid, 'the one taken is shown');
	is(rows($theirs), '', 'and not the other');
	$taker->query('SELECT advisory_lock.unlock_all()');
}

# === What is in the way ===

# A delay that a lost session left.
my $lost = used_to('delayed');
$session = used_to('delayed');
$lost->query("SELECT advisory_lock.lock('delayed'); SET advisory_lock.lock_delay = '1min'");
terminate($lost);
is($session->query("SELECT advisory_lock.try_lock('delayed')"), 'f', 'a delay keeps it off');
$observer->query("SELECT advisory_lock.terminate_holders('delayed')");
is($session->query("SELECT advisory_lock.try_lock('delayed'), advisory_lock.unlock('delayed')"), 't|t', 'until it is lifted');

# Others that hold it.
$session = used_to('busy');
$second->query("SELECT advisory_lock.lock('busy')");
is($session->query("SELECT advisory_lock.try_lock('busy')"), 'f', 'held by another');
is($session->sqlstate_of("SET lock_timeout = '10ms'; SELECT advisory_lock.lock('busy')"), '55P03', 'for too long');
is(stats('busy', 'timeouts'), '2', 'which is counted');
$session->query('RESET lock_timeout');
$session->start("SELECT advisory_lock.lock('busy')");
$session->wait_blocked;
$second->query("SELECT advisory_lock.unlock('busy')");
$session->finish;
is(rows('busy'), 'exclusive|' . $session->pid, 'until it is released');
$session->query("SELECT advisory_lock.unlock('busy')");

# A setting.
$session->query('SET advisory_lock.track = off');
$observer->query("SELECT advisory_lock.reset_stats('busy')");
is($session->query("SELECT advisory_lock.lock('busy') > 0, advisory_lock.unlock('busy')"), 't|t', 'not tracked');
is(stats('busy', 'acquisitions, total_hold_time'), '0|0', 'and so not counted');
$session->query('RESET advisory_lock.track');
is($session->sqlstate_of("SELECT advisory_lock.try_lock('busy', NULL)"), '22023', 'an error is one');

# === More locks than there are places for labels, and for names ===

my @names = map { "many $_" } 1 .. 30;
$session = used_to(@names);
$session->query("SELECT advisory_lock.lock('$_')") foreach @names;
is( $observer->query("SELECT count(*), count(DISTINCT token), min(token) > 0 FROM advisory_lock.locks
	WHERE name LIKE 'many %' AND pid = " . $session->pid),
	'30|30|t', '30 locks are shown, each with its name and token');
$second->query("SELECT advisory_lock.lock('new $_'), advisory_lock.unlock('new $_')") foreach 1 .. 100;
is( $observer->query("SELECT count(*) FROM advisory_lock.locks WHERE name LIKE 'many %'"),
	'30', 'as long as they are held, whoever needs places for names');
is($observer->query('SELECT names <= max_names, untracked FROM advisory_lock.registry'), 't|0',
	'of which there are no more than are to be');
is($session->query('SELECT advisory_lock.unlock_all()'), '30', 'all are released');
is($observer->query('SELECT count(*) FROM advisory_lock.locks'), '0', 'none is left');

# Names that have made way since.
$second->query("SELECT advisory_lock.lock('new $_'), advisory_lock.unlock('new $_')") foreach 101 .. 200;
is($observer->query("SELECT count(*) FROM advisory_lock.stats WHERE name LIKE 'many %'"), '0', 'all have made way');
foreach (@names)
{
	$session->query("SELECT advisory_lock.lock('$_')");
	is(rows($_), 'exclusive|' . $session->pid, "$_ is known again");
	$session->query("SELECT advisory_lock.unlock('$_')");
}
is($observer->query('SELECT names <= max_names, untracked FROM advisory_lock.registry'), 't|0', 'within the room');

# Sessions that end give back what they have pinned.
foreach my $round (1 .. 5)
{
	my $dying = used_to(map { "dying $round $_" } 1 .. 20);
	$dying->query("SELECT advisory_lock.lock('dying $round $_')") foreach 1 .. 20;
	terminate($dying);
}
$second->query("SELECT advisory_lock.lock('new $_'), advisory_lock.unlock('new $_')") foreach 201 .. 300;
is($observer->query('SELECT names <= max_names, untracked FROM advisory_lock.registry'), 't|0',
	'the names of sessions that are gone make way');

# === Leases, last of all: where there has been one, the shorter way is gone no more ===

$session = used_to('leased');
my $token = $second->query("SELECT advisory_lock.acquire_lease('leased', '1 min')");
is($session->query("SELECT advisory_lock.try_lock('leased')"), 'f', 'a lease keeps it off');
is($session->query("BEGIN; SELECT advisory_lock.release_lease('leased', $token)"), 't', 'which is released');
is($session->sqlstate_of("SELECT advisory_lock.lock('leased')"), '55000', 'not before that is committed');
$session->query('ROLLBACK');
$second->query("SELECT advisory_lock.release_lease('leased', $token)");
is($session->query("SELECT advisory_lock.try_lock('leased'), advisory_lock.unlock('leased')"), 't|t', 'and then not');

done_testing();
