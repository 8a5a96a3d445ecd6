# Copyright (c) 2026 the advisory_lock authors
#
# CALL acquire() ends its transaction wherever somebody could tell.  Seen in
# pipelines, where a CALL may come after other statements of its transaction,
# by a transaction-level lock that these took: the end would have released it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
my $other = session($node);
$node->safe_psql('postgres', 'CREATE TABLE seen (still boolean); CREATE TABLE t (i integer)');

# Run the statements in a pipeline, once: was a lock of the transaction still
# held after them?
sub still_held
{
	my ($settings, @statements) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/script';

	$node->safe_psql('postgres', 'TRUNCATE seen');
	append_to_file($script,
		join("\n", '\startpipeline', 'SELECT pg_advisory_xact_lock(1);', @statements,
			q{INSERT INTO seen SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = 1);},
			'\endpipeline', ''));
	local $ENV{PGOPTIONS} = $settings;
	command_ok(
		[ 'pgbench', '-n', '-M', 'extended', '-t', 1, '-f', $script, '-h', $node->host,
			'-p', $node->port, 'postgres' ],
		"@statements");
	return $node->safe_psql('postgres', 'TABLE seen');
}

# In a procedure, or a DO, the transaction ends as it says, on every server.
$node->safe_psql('postgres', <<'EOT');
DO $$
DECLARE
    token bigint;
    permit integer;
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    CALL advisory_lock.acquire('a', NULL, false, NULL, token, permit);
    INSERT INTO seen SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = 1);
END
$$;
EOT
is($node->safe_psql('postgres', 'TABLE seen'), 'f', 'a transaction ends in a DO');

SKIP:
{
	# Newer ones raise 25001.
	skip 'a CALL must be the first statement of a pipeline', 13 if $node->pg_version >= 18;

	my $call = "CALL advisory_lock.acquire('a');";
	is(still_held(''), 't', 'a transaction goes on');
	is(still_held('', $call), 't', 'also past a CALL that finds the lock free');
	is(still_held('', 'INSERT INTO t VALUES (1);', $call),
		'f', 'what it wrote is committed before the lock is acquired');
	is(still_held('-c default_transaction_isolation=repeatable\ read', $call),
		'f', 'a snapshot for the whole transaction is given up');
	is(still_held('', $call, $call), 'f', 'and when the lock is held already');

	$other->query("SELECT advisory_lock.lock('a')");
	is(still_held('', "CALL advisory_lock.acquire('a', '1 ms');"),
		'f', 'and before a wait');
	is($other->query("SELECT timeouts FROM advisory_lock.stats WHERE name = 'a'"),
		'1', 'which counts once');
}

done_testing();
