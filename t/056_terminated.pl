# Copyright (c) 2026 the advisory_lock authors

# Sessions are terminated at any instant while others lock: the registry stays
# usable and nothing is left behind.  Needs a server whose sessions may die.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => "advisory_lock.max_names = 30\nlog_statement = none");

# Clients that take locks of all kinds, in a new session each time.
my $script = $node->basedir . '/locks.sql';
append_to_file($script, <<'EOT');
\set n random(1, 60)
SET advisory_lock.lock_delay = '1ms';
SELECT advisory_lock.try_lock('a' || :n, '20 ms');
SELECT advisory_lock.lock_many(ARRAY['b' || :n, 'b' || :n + 1, 'c']);
SELECT advisory_lock.try_xact_lock('d' || :n % 2, '5 ms');
SELECT advisory_lock.acquire_permit('pool', 2, '10 ms');
SELECT advisory_lock.unlock_many(ARRAY['b' || :n, 'c']);
EOT

# Who terminates them, at any instant of their short lives.
$node->safe_psql('postgres', <<'EOT');
CREATE FUNCTION terminate_clients(enough integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	terminated integer := 0;
BEGIN
	WHILE terminated < enough LOOP
		PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
		terminated := terminated + (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE application_name = 'a client' AND random() < 0.05);
	END LOOP;
	RETURN terminated;
END
$$;
EOT
my $terminator = session($node);
$terminator->start('SELECT terminate_clients(200)');

# A client that loses its session does not go on, so more come.
while (!$terminator->is_finished)
{
	local $ENV{PGAPPNAME} = 'a client';
	IPC::Run::run(
		[ 'pgbench', '-n', '-C', '-c', 20, '-T', 3, '-f', $script, '-h', $node->host,
			'-p', $node->port, 'postgres' ],
		'>' => \my $out, '2>' => \my $err);
}
my $terminated = $terminator->finish;
cmp_ok($terminated, '>=', 200, "$terminated sessions were terminated");
wait_until
{
	$node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a client'") eq '0'
}
'the sessions are gone';

is($node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.locks WHERE pid IS NOT NULL'),
	'0', 'nothing is held any more');
cmp_ok($node->safe_psql('postgres', 'SELECT names FROM advisory_lock.registry'), '<=', 30,
	'the count of names is right');
is($node->safe_psql('postgres', 'SELECT count(*) = (SELECT names FROM advisory_lock.registry) FROM advisory_lock.stats'),
	't', 'and agrees with the names there are');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM (SELECT advisory_lock.try_lock('a' || i, '1 min') AS got
			FROM generate_series(1, 60) i OFFSET 0) t WHERE got"),
	'60',
	'every name can be had');
is($node->safe_psql('postgres', "SELECT advisory_lock.acquire_permit('pool', 1, '1 min')"),
	'1', 'and every permit');

done_testing();
