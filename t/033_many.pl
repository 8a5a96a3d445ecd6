# Copyright (c) 2026 the advisory_lock authors
#
# Many locks at once: no deadlock whatever the order of the names, and all or
# nothing when something goes wrong part-way.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Together;

# Room for some hundred locks; fewer than ten thousand in any case.
my $node = start_node('main', conf => <<'EOT');
max_connections = 20
max_locks_per_transaction = 10
deadlock_timeout = 10ms
EOT

my $HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
my $DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";

sub repeatedly
{
	my ($statements) = @_;

	return "DO \$\$ BEGIN FOR i IN 1 .. 1000 LOOP $statements; END LOOP; END \$\$";
}

# They hold the locks for a moment, or they would hardly meet.
my @states = run_together(
	$node,
	repeatedly(
		"PERFORM advisory_lock.lock_many(ARRAY['b', 'a', 'b']), pg_sleep(0.0001), advisory_lock.unlock_many(ARRAY['b', 'a'])"),
	repeatedly(
		"PERFORM advisory_lock.lock_many(ARRAY['a', 'b', 'a']), pg_sleep(0.0001), advisory_lock.unlock_many(ARRAY['a', 'b'])"));
is("@states", '00000 00000', '1,000 times two names in opposite orders in two sessions');
is($node->safe_psql('postgres', $DEADLOCKS), 0, 'without a deadlock');

# The same one by one is a deadlock soon.
@states = run_together(
	$node,
	repeatedly(
		"PERFORM advisory_lock.xact_lock('a'), pg_sleep(0.0001), advisory_lock.xact_lock('b'); COMMIT"),
	repeatedly(
		"PERFORM advisory_lock.xact_lock('b'), pg_sleep(0.0001), advisory_lock.xact_lock('a'); COMMIT"));
like("@states", qr/40P01/, 'which it is when the names are locked one by one');
cmp_ok($node->safe_psql('postgres', $DEADLOCKS), '>', 0, 'and is counted');

# The end of the lock table.
my $session = session($node);
my $names = "SELECT array_agg('name ' || i) FROM generate_series(1, 10000) AS i";
foreach my $call (
	"SELECT advisory_lock.lock_many(($names))",
	"SELECT advisory_lock.try_lock_many(($names), '1 min')",
	"DO \$\$ DECLARE names text[] := ($names); tokens bigint[];"
	  . " BEGIN CALL advisory_lock.acquire_many(names, '1 min', tokens); END \$\$")
{
	is($session->sqlstate_of($call), '53200', 'ten thousand names are too many');
	like($session->messages, qr/^HINT: .*max_locks_per_transaction/m, 'with a hint');
	like($session->messages, qr/while acquiring exclusive advisory lock "name \d+"/, 'and a name');
	is($session->query($HELD), 0, 'and none of them is held');
}
is($session->query("SELECT array_length(advisory_lock.lock_many(ARRAY['a', 'b']), 1)"),
	2, 'the session can go on');
$session->query("SELECT advisory_lock.unlock_all()");

# One deadline for all: others hold two of the names for longer than that.
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock_many(ARRAY['b', 'd'])");
is( $session->query(<<'EOT'), 'f|t', 'the time ran out once, not for each name');
SELECT advisory_lock.try_lock_many(ARRAY['a', 'b', 'c', 'd', 'e'], '100 ms'),
	clock_timestamp() - statement_timestamp() BETWEEN '100 ms' AND '10 s'
EOT
is($session->query($HELD), 0, 'and none of them is held');

# What was held before stays held, as often as before.
$session->query("SELECT advisory_lock.lock('a'), advisory_lock.lock('c')");
is($session->query("SELECT advisory_lock.try_lock_many(ARRAY['a', 'b', 'c'], '10 ms')"),
	'f', 'the time ran out with some held before');
is($session->query($HELD), 2, 'those are still held');
is($session->query("SELECT advisory_lock.unlock_many(ARRAY['a', 'c'])"), 2, 'once each');
is($session->query($HELD), 0, 'no more');

# A cancel part-way.
$session->start("SELECT advisory_lock.lock_many(ARRAY['a', 'b', 'c', 'd', 'e'])");
$session->wait_blocked;
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
is($session->finish_state, '57014', 'a cancel part-way');
is($session->query($HELD), 0, 'and none of them is held');

done_testing();
