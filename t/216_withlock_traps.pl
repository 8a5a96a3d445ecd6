# Copyright (c) 2026 the advisory_lock authors
#
# Whose code withlock's SQL runs.  A role with every right has a schema before
# pg_catalog in its search_path, in which every function, operator, type and
# relation that the client's sources could mean is a trap.  Whatever withlock
# does, with the extension, without it, and with a schema that only looks like
# it, no trap closes.

use strict;
use warnings FATAL => 'all';

use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Terminal;
use Withlock;

my $node = start_node('main');
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach 'bare', 'fake';

# Every word of the client's sources could be a name.
my %words;
find(
	{
		no_chdir => 1,
		wanted => sub {
			return unless /\.[ch]$/;
			$words{$_} = 1 foreach slurp_file($_) =~ /\b([a-z_][a-z0-9_]{0,60})\b/g;
		}
	},
	'client/withlock', 'client/libadvlock', 'client/common');
my $words = join ',', sort keys %words;

my $traps = <<"EOT";
CREATE SCHEMA evil;
CREATE TABLE evil.words AS SELECT word FROM unnest('{$words}'::text[]) word;
CREATE FUNCTION evil.closed(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql
	SET search_path = pg_catalog AS 'BEGIN RAISE LOG ''TRAPPED %'', what; RETURN true; END';
EOT
$traps .= <<'EOT';
CREATE FUNCTION evil.set_trap(command pg_catalog.text) RETURNS pg_catalog.int4 LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 1;
EXCEPTION WHEN OTHERS THEN
	RETURN 0;
END $$;

CREATE TABLE evil.set AS
SELECT 'function' AS kind, evil.set_trap(format(
	'CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.closed(%L); RETURN %s; END$f$',
	p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid), p.proname,
	CASE WHEN p.proretset THEN '' ELSE 'NULL' END)) AS done
  FROM pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN (SELECT word FROM evil.words)
UNION ALL
-- what takes arguments of any type
SELECT 'function', evil.set_trap(format(
	'CREATE FUNCTION evil.%I(VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.closed(%L); RETURN NULL; END$f$',
	p.proname, p.proname))
  FROM (SELECT DISTINCT proname FROM pg_proc WHERE provariadic = '"any"'::regtype) p
UNION ALL
SELECT 'operator', evil.set_trap(format(
	'CREATE FUNCTION evil.trap_%s(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.closed(%L); RETURN NULL; END$f$;
	 CREATE OPERATOR evil.%s (%s RIGHTARG = %s, FUNCTION = evil.trap_%s)',
	o.oid, concat_ws(',', NULLIF(o.oprleft, 0)::regtype, o.oprright::regtype), o.oprresult::regtype, 'operator ' || o.oprname,
	o.oprname, 'LEFTARG = ' || NULLIF(o.oprleft, 0)::regtype || ',', o.oprright::regtype, o.oid))
  FROM pg_operator o
UNION ALL
SELECT 'type', evil.set_trap(format(
	'CREATE DOMAIN evil.%I AS pg_catalog.%I CHECK (evil.closed(%L))', t.typname, t.typname, 'type ' || t.typname))
  FROM pg_type t
 WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typname IN (SELECT word FROM evil.words)
UNION ALL
SELECT 'relation', evil.set_trap(format(
	'CREATE VIEW evil.%I AS SELECT * FROM pg_catalog.%I WHERE evil.closed(%L)', c.relname, c.relname, 'relation ' || c.relname))
  FROM pg_class c
 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname IN (SELECT word FROM evil.words);
GRANT ALL ON SCHEMA evil TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;
EOT

# The schema that only looks like the extension's: it is anybody's.
my $fake = <<'EOT';
CREATE SCHEMA advisory_lock;
CREATE VIEW advisory_lock.locks AS SELECT NULL::text AS name, 'x' AS mode, true AS granted, 1 AS pid, 'u'::name AS usename,
	'a' AS application_name, NULL::inet AS client_addr, now() AS acquired_at, now() AS waiting_since, 1::bigint AS token,
	'{}'::int[] AS blocked_by, 1 AS key1, 2 AS key2, now() AS delayed_until, 3::bigint AS key, evil.closed('the view');
CREATE FUNCTION advisory_lock.key(name text, OUT key1 int, OUT key2 int) LANGUAGE sql AS 'SELECT 1, evil.closed(''key'')::int';
SELECT evil.set_trap(format('CREATE FUNCTION advisory_lock.%s RETURNS %s LANGUAGE plpgsql AS $f$BEGIN PERFORM evil.closed(%L); RETURN NULL; END$f$', f, r, f))
  FROM (VALUES ('lock(text)', 'bigint'), ('lock_shared(text)', 'bigint'), ('xact_lock(text)', 'bigint'), ('unlock(text)', 'boolean'),
	('try_lock(text, interval)', 'boolean'), ('try_xact_lock(text, interval)', 'boolean'), ('token(text)', 'bigint'),
	('terminate_holders(text)', 'int'), ('is_locked(text)', 'boolean'), ('lock_many(text[])', 'bigint[]'),
	('try_lock_many(text[], interval)', 'boolean'), ('acquire_permit(text, int, interval)', 'int'),
	('release_permit(text, int)', 'boolean'), ('has_registry()', 'boolean')) t(f, r);
CREATE PROCEDURE advisory_lock.acquire(name text, timeout interval DEFAULT NULL, shared boolean DEFAULT false,
	permits integer DEFAULT NULL, INOUT token bigint DEFAULT NULL, INOUT permit integer DEFAULT NULL)
	LANGUAGE plpgsql AS 'BEGIN PERFORM evil.closed(''acquire''); END';
GRANT ALL ON SCHEMA advisory_lock TO PUBLIC;
EOT

foreach my $database ('postgres', 'bare', 'fake')
{
	$node->safe_psql($database, $traps);
	foreach my $kind ('function' => 50, 'operator' => 700, 'type' => 5, 'relation' => 4)
	{
		next if $kind =~ /^\d/;
		my $count = $node->safe_psql($database, "SELECT sum(done) FROM evil.set WHERE kind = '$kind'");
		cmp_ok($count, '>', $kind eq 'operator' ? 700 : 3, "$database: $count traps that are a $kind");
	}
}
$node->safe_psql('fake', $fake);
$node->safe_psql('postgres', 'CREATE ROLE victim SUPERUSER LOGIN');
$node->safe_psql('postgres', 'ALTER ROLE victim SET search_path = evil, pg_catalog, public');

# What has been logged since the last call.
my $seen = 0;
sub trapped
{
	my $log = slurp_file($node->logfile);
	my $new = substr $log, $seen;

	$seen = length $log;
	return join ' ', sort keys %{ { map { $_ => 1 } $new =~ /TRAPPED (.*)/g } };
}

# The traps do close.
trapped();
foreach my $probe (
	['function', "SELECT length('x')", 'length'], ['function', "SELECT concat('x', 'y', 'z')", 'concat'],
	['operator', 'SELECT 1 OPERATOR(evil.=) 1', 'operator ='], ['operator', 'SELECT 1 = 1', 'operator ='],
	['operator', "SELECT 'a' LIKE 'b'", 'operator ~~'], ['type', "SELECT 'x'::text", 'type text'],
	['relation', 'SELECT FROM pg_locks', 'relation pg_locks'])
{
	my ($kind, $sql, $name) = @$probe;

	$node->psql('bare', $sql, extra_params => ['-U', 'victim']);
	like(trapped(), qr/\Q$name\E/, "a trap closes: $sql");
}
$node->psql('fake', "SELECT advisory_lock.lock('x')", extra_params => ['-U', 'victim']);
like(trapped(), qr/lock\(text\)/, 'a trap closes: the schema that looks like the extension');

# --- What withlock does

$ENV{PGUSER} = 'victim';
foreach my $database ('postgres', 'bare', 'fake')
{
	local $ENV{WITHLOCK_DB} = conninfo($node, $database) . ' user=victim';
	my $holder = start_withlock('busy', '--lock-delay', '0', '--', 'sleep', '1000');
	my $permit = start_withlock('pool', '--permits', '1', '--lock-delay', '0', '--', 'sleep', '1000');
	$_->wait_command foreach $holder, $permit;
	my %runs = (
		'a lock' => [0, 'x', 'true'],
		'a shared lock' => [0, 'x', '-s', 'true'],
		'with a timeout' => [0, 'x', '-t', '60', 'true'],
		'without waiting' => [0, 'x', '-n', 'true'],
		'several locks' => [0, 'x', '--also', 'y', 'true'],
		'a permit' => [0, 'x', '--permits', '2', 'true'],
		'a transaction' => [0, 'x', '--transaction', 'true'],
		'a shared transaction' => [0, 'x', '-s', '--transaction', '-t', '60', 'true'],
		'a transaction, not obtained' => [75, 'busy', '--transaction', '-n', 'true'],
		'a transaction, not in time' => [75, 'busy', '--transaction', '-t', '1', 'true'],
		'not obtained' => [75, 'busy', '-n', 'true'],
		'not in time' => [75, 'busy', '-t', '1', 'true'],
		'several, not obtained' => [75, 'x', '--also', 'busy', '-n', 'true'],
		'a permit, not obtained' => [75, 'pool', '--permits', '1', '-n', 'true'],
		'a permit, not in time' => [75, 'pool', '--permits', '1', '-t', '1', 'true'],
		'allow-pooler' => [0, 'x', '--allow-pooler', 'true'],
		'nested' => [64, 'x', '--', 'withlock', 'x', 'true'],
		'list' => [0, '--list'],
		'list by name' => [0, '--list', 'busy'],
		'list in JSON' => [0, '--list', '--json'],
		'status' => [75, '--status', 'busy'],
		'status of permits' => [75, '--status', 'pool', '--permits', '1'],
		'status in JSON' => [75, '--status', 'pool', '--json'],
		'kill of nobody' => [1, '--kill', 'x']);
	foreach my $name (sort keys %runs)
	{
		my ($status, @arguments) = @{ $runs{$name} };
		my $ended = withlock(@arguments);

		is($ended->status, $status, "$database: $name") or diag $ended->stderr;
		is(trapped(), '', '... and no trap closes');
	}

	# The line at a terminal, by a session of its own
	my $terminal = Terminal->new(columns => 120);
	$terminal->type("withlock busy true\n");
	$terminal->wait_for(qr/waiting \d+ s, held .*victim/);
	$terminal->type("\cC");
	$terminal->wait_prompt;
	is(trapped(), '', "$database: the line at a terminal");

	# The check that it is still held, and the end
	kill 'CONT', $holder->pid, $permit->pid;
	is(withlock('--kill', 'busy')->status, 0, "$database: kill");
	is($holder->wait, 74, '... ends the holder');
	is(withlock('--kill', 'pool')->status, 0, '... and that of a permit');
	is($permit->wait, 74, '... and its withlock');
	is(trapped(), '', '... and no trap closes');
}

# --- The extension goes between the question whether it is there and the call

# The schema of that name is an ordinary role's then, who may create in the
# database, and a superuser is about to call what is in it.
$node->safe_psql('postgres', 'CREATE ROLE squatter');
foreach my $case ([], ['-n'], ['--also', 'another'], ['--permits', '2'])
{
	$node->safe_psql('postgres', 'CREATE DATABASE raced');
	$node->safe_psql('raced', 'CREATE EXTENSION advisory_lock; GRANT CREATE ON DATABASE raced TO squatter');
	my $proxy = Proxy->new($node);
	$proxy->hold('CALL advisory_lock.acquire');
	my $running = start_withlock('x', @$case, '-d', $proxy->conninfo('raced'), '--', 'sh', '-c', 'echo "token [$WITHLOCK_TOKEN]"');
	wait_until { $proxy->held } 'it is about to call';
	$node->safe_psql('raced', <<'EOT');
DROP EXTENSION advisory_lock;
SET ROLE squatter;
CREATE SCHEMA advisory_lock;
CREATE TABLE advisory_lock.caught (who text);
GRANT ALL ON ALL TABLES IN SCHEMA advisory_lock TO public;
CREATE PROCEDURE advisory_lock.acquire(name text, timeout interval, shared bool, permits int, INOUT token int8 DEFAULT 1, INOUT permit int DEFAULT 1)
LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''TRAPPED acquire''; INSERT INTO advisory_lock.caught VALUES (current_user); END';
CREATE PROCEDURE advisory_lock.acquire_many(names text[], timeout interval, INOUT tokens int8[] DEFAULT '{1,2}')
LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''TRAPPED acquire_many''; INSERT INTO advisory_lock.caught VALUES (current_user); END';
EOT
	$proxy->go;
	$running->wait;
	is($running->stdout, @$case && $case->[0] eq '-n' ? '' : "token []\n", "the extension is dropped before the call: no lock by it (@$case)");
	is($node->safe_psql('raced', 'SELECT count(*) FROM advisory_lock.caught'), 0, '... and nothing of a squatter is run');
	$proxy->close;
	$node->safe_psql('postgres', 'DROP DATABASE raced WITH (FORCE)');
}
$node->safe_psql('postgres', 'DROP ROLE squatter');

done_testing();
