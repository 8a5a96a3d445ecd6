# Copyright (c) 2026 the advisory_lock authors

# Statistics by name, counted exactly; what happens without the registry.
# Needs sessions that end, and servers with and without preloading.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
my ($one, $two) = (session($node), session($node));

sub counts
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT acquisitions, waits, timeouts FROM advisory_lock.stats WHERE name = '$name'");
}

sub ms
{
	my ($name, $column) = @_;
	return $node->safe_psql('postgres',
		"SELECT $column FROM advisory_lock.stats WHERE name = '$name'");
}

is($one->query('SELECT advisory_lock.has_registry()'), 't', 'there is a registry');

# === Counts ===

$one->query("SELECT advisory_lock.lock('a')");
is(counts('a'), '1|0|0', 'one acquisition');
$one->query("SELECT advisory_lock.lock('a'), advisory_lock.try_lock('a')");
is(counts('a'), '1|0|0', 'an acquire by the holder is no new one');
is($two->query("SELECT advisory_lock.try_lock('a')"), 'f', 'busy');
is(counts('a'), '1|0|1', 'given up at once');
is($two->query("SELECT advisory_lock.try_lock('a', '10 ms')"), 'f', 'still busy');
is(counts('a'), '1|1|2', 'given up after a wait');
is($two->sqlstate_of("SET lock_timeout = '10 ms'; SELECT advisory_lock.lock('a')"),
	'55P03', 'the session has a limit of its own');
is(counts('a'), '1|2|3', 'which counts as well');
$two->query('RESET lock_timeout');

# A hold ends where its savepoint is rolled back to, if the lock was taken since.
$one->query(<<'EOT');
BEGIN;
SELECT advisory_lock.xact_lock('outer');
SAVEPOINT s;
SELECT advisory_lock.xact_lock('outer'), advisory_lock.xact_lock('inner'), advisory_lock.lock('session');
SAVEPOINT t;
SELECT advisory_lock.xact_lock('innermost');
RELEASE t;
ROLLBACK TO s;
SAVEPOINT u;
SELECT advisory_lock.xact_lock('released');
RELEASE u
EOT
cmp_ok(ms($_, 'total_hold_time'), '>', 0, "\"$_\" was held until the rollback") foreach 'inner', 'innermost';
cmp_ok(ms($_, 'total_hold_time'), '==', 0, "\"$_\" is held still") foreach 'outer', 'session', 'released';
$one->query('COMMIT');
cmp_ok(ms($_, 'total_hold_time'), '>', 0, "\"$_\" until the commit") foreach 'outer', 'released';
cmp_ok(ms('session', 'total_hold_time'), '==', 0, 'and "session" outlasts it');
$one->query("SELECT advisory_lock.unlock('session')");

$two->start("SELECT advisory_lock.lock('a')");
$two->wait_blocked;
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $two->pid . ')');
is($two->finish_state, '57014', 'canceled');
is(counts('a'), '1|3|3', 'a canceled wait is a wait, and no timeout');

$two->start("SELECT advisory_lock.lock('a')");
$two->wait_blocked;
$one->query('SELECT advisory_lock.unlock_all()');
$two->finish;
is(counts('a'), '2|4|3', 'granted after a wait');
$two->query("SELECT advisory_lock.unlock('a')");
is($node->safe_psql('postgres',
		"SELECT last_acquired_at BETWEEN stats_since AND now() FROM advisory_lock.stats WHERE name = 'a'"),
	't', 'the time of the last acquisition');
cmp_ok(ms('a', 'total_wait_time'), '>=', 20, 'the two limits of 10 ms were waited for');
cmp_ok(ms('a', 'max_wait_time'), '<=', ms('a', 'total_wait_time'), 'the longest is part of the total');

# === How long it was held ===

sub held_for_50_ms
{
	my ($name, $end) = @_;
	my $begin = Time::HiRes::time();
	my $total = ms($name, 'total_hold_time');
	my $longest = ms($name, 'max_hold_time');

	cmp_ok($total, '>=', 50, "$name was held for 50 ms at least, $end");
	is($total, $longest, 'in one piece');
	return;
}

my $wait_50_ms = "SELECT pg_sleep(0.05)";
$one->query("SELECT advisory_lock.lock('s'); $wait_50_ms; SELECT advisory_lock.unlock('s')");
held_for_50_ms('s', 'unlocked');
$one->query("BEGIN; SELECT advisory_lock.xact_lock('t'); $wait_50_ms; COMMIT");
held_for_50_ms('t', 'committed');
$one->query("BEGIN; SELECT advisory_lock.xact_lock('u'); $wait_50_ms; ROLLBACK");
held_for_50_ms('u', 'rolled back');
$one->query("SELECT advisory_lock.lock('v'); $wait_50_ms; DISCARD ALL");
held_for_50_ms('v', 'discarded');
$one->query("SELECT advisory_lock.lock('w'); $wait_50_ms");
$one->quit;
wait_until { ms('w', 'total_hold_time') > 0 } 'the session has ended';
held_for_50_ms('w', 'the session ended');
$two->query("SELECT advisory_lock.lock('x'); $wait_50_ms");
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $two->pid . ')');
wait_until { ms('x', 'total_hold_time') > 0 } 'the session was terminated';
held_for_50_ms('x', 'the session was terminated');
$two->quit;

# === Beginning anew ===

$node->safe_psql('postgres', "SELECT advisory_lock.reset_stats('a')");
is(counts('a'), '0|0|0', 'one name begun anew');
isnt(counts('s'), '0|0|0', 'and no other');
$node->safe_psql('postgres', 'SELECT advisory_lock.reset_stats()');
is(counts('s'), '0|0|0', 'all names begun anew');

# === Names of all kinds ===

foreach my $name ('x', 'n' x 1024, "\xc3\xbc\xe2\x82\xac" x 204)
{
	$node->safe_psql('postgres', "SELECT advisory_lock.lock('$name')");
	is($node->safe_psql('postgres',
			"SELECT count(*) FROM advisory_lock.stats WHERE name = '$name'"),
		'1', 'a name of ' . length($name) . ' bytes');
}

# === Not tracked ===

$node->safe_psql('postgres', "SET advisory_lock.track = off; SELECT advisory_lock.lock('secret')");
is(counts('secret'), '', 'not tracked, not known');

# === Without the registry, everything but names and statistics works ===

# === Leases ===

is(session($node)->query("SELECT advisory_lock.acquire_lease('leased', '1 min') > 0"), 't', 'a lease');
is(counts('leased'), '1|0|0', 'is an acquisition');
is(session($node)->query("SELECT advisory_lock.acquire_lease('leased', '1 min') IS NULL"), 't', 'who does not get one');
is(counts('leased'), '1|0|1', 'has given up');

SKIP:
{
	skip 'the registry needs no preloading here', 6 if $node->pg_version >= 17;

	my $bare = start_node('bare', preload => 0);
	my $session = session($bare);
	cmp_ok($session->query("SELECT advisory_lock.lock('mine')"), '>', 0, 'a lock without the registry');
	is($session->query('SELECT name, mode, granted FROM advisory_lock.locks'),
		'mine|exclusive|t', 'names of this session are known');
	is( $bare->safe_psql('postgres',
			"SELECT name IS NULL, (key1, key2) = advisory_lock.key('mine') FROM advisory_lock.locks"),
		't|t', 'those of others are not, but the keys');
	is($session->query('SELECT advisory_lock.has_registry()'), 'f', 'there is no registry');
	is($session->sqlstate_of('SELECT * FROM advisory_lock.stats'), '55000', 'no statistics');
	like($session->messages, qr/HINT:  Add "advisory_lock" to shared_preload_libraries/,
		'and how to get them');
}

done_testing();
