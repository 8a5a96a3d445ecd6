# Copyright (c) 2026 the advisory_lock authors
#
# Named locks in prepared transactions follow core's rules.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => 'max_prepared_transactions = 2');
my $session = session($node);
my $TRY = "SELECT advisory_lock.try_lock('job')";

$session->query(<<'EOT');
BEGIN;
SELECT advisory_lock.xact_lock('job');
PREPARE TRANSACTION 'prepared'
EOT
is($session->query("SELECT advisory_lock.is_locked('job')"), 't',
	'a prepared transaction holds its lock');
is($session->query("SELECT advisory_lock.token('job')"), '', 'which is not the session\'s any more');
is($session->query($TRY), 'f', 'but keeps it off, too');
is($session->query("SELECT advisory_lock.terminate_holders('job')"), 0,
	'there is no session to terminate');
like($session->messages, qr/^psql:\S+ WARNING:  prepared transaction "prepared" holds/m,
	'which a warning says, with the transaction');
like($session->messages, qr/^HINT: .*ROLLBACK PREPARED/m, 'and what to do');

# What is looked up for that is core's, whatever stands before it in the
# search_path of the caller, who may be a superuser in somebody else's database.
$session->query(<<'EOT');
CREATE SCHEMA evil;
DO $$
DECLARE
	op record;
BEGIN
	FOR op IN SELECT oprleft::regtype AS left, oprright::regtype AS right FROM pg_operator
		WHERE oprname = '=' AND oprnamespace = 'pg_catalog'::regnamespace
	LOOP
		EXECUTE format('CREATE FUNCTION evil.trap(%1$s, %2$s) RETURNS boolean LANGUAGE plpgsql
			AS $f$BEGIN RAISE EXCEPTION ''trapped''; END$f$;
			CREATE OPERATOR evil.= (leftarg = %1$s, rightarg = %2$s, function = evil.trap)',
			op.left, op.right);
	END LOOP;
END
$$
EOT
$session->query('SET search_path = evil, pg_catalog');
is($session->sqlstate_of("SELECT advisory_lock.terminate_holders('job')"), '00000',
	'no operator of another schema is run');
$session->query('RESET search_path; DROP SCHEMA evil CASCADE');

$node->restart;
$session = session($node);
is($session->query($TRY), 'f', 'it is held over a restart');
$session->query("SELECT advisory_lock.terminate_holders('job')");
like($session->messages, qr/"prepared"/, 'and is told of then');
$session->query("COMMIT PREPARED 'prepared'");
is($session->query($TRY), 't', 'until the transaction is committed');

is($session->sqlstate_of(<<'EOT'), '0A000', 'no lock at both levels can be prepared');
BEGIN;
SELECT advisory_lock.xact_lock('job');
PREPARE TRANSACTION 'both'
EOT
is($session->query("SELECT advisory_lock.unlock('job')"), 't', 'nor is it lost by that');

# The session-level locks of a session outlast what it prepares.
$session->query(<<'EOT');
SELECT advisory_lock.lock('session');
BEGIN;
SELECT advisory_lock.xact_lock('job');
PREPARE TRANSACTION 'prepared'
EOT
cmp_ok($session->query("SELECT advisory_lock.token('session')"), '>', 0,
	'a session-level lock stays with the session');
$session->query("ROLLBACK PREPARED 'prepared'");
is($session->query("SELECT advisory_lock.is_locked('job')"), 'f', 'a rollback releases the other');

done_testing();
