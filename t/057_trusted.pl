# Copyright (c) 2026 the advisory_lock authors

# Who may create objects in a database may create the extension, and gets no
# power over others by it: what they call stays the extension's own.  Who owns
# the database can dump it, restore it, and drop it.  Needs logins of ordinary
# roles.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main', extension => 0);
$node->safe_psql('postgres', $_)
  foreach 'CREATE ROLE "an owner" LOGIN CREATEDB', 'CREATE ROLE "another" LOGIN',
  'CREATE ROLE "a creator" LOGIN', 'CREATE DATABASE theirs OWNER "an owner"',
  'GRANT CREATE ON DATABASE theirs TO "a creator"';

sub session_of
{
	my ($role, $database) = @_;

	local $ENV{PGUSER} = $role;
	return session($node, $database // 'theirs');
}

# Runs one of PostgreSQL's programs as a role.
sub run_as
{
	my ($role, $name, @command) = @_;

	local $ENV{PGUSER} = $role;
	return command_ok(\@command, $name);
}

# Each as a statement and the SQLSTATE that it ends with.
sub states_are
{
	my ($who, $session, @pairs) = @_;

	while (my ($sql, $state) = splice @pairs, 0, 2)
	{
		is($session->sqlstate_of($sql), $state, "$who: $sql");
	}
	return;
}

my ($owner, $creator, $another) = map { session_of($_) } 'an owner', 'a creator', 'another';
my $super = session($node, 'theirs');

# A schema of that name that is there before is nobody's to take over.
states_are('a creator', $creator,
	'CREATE SCHEMA advisory_lock' => '00000',
	'CREATE PROCEDURE advisory_lock.acquire(text) LANGUAGE plpgsql AS $$
		BEGIN ALTER ROLE "a creator" SUPERUSER; END $$' => '00000');
is($_->sqlstate_of('CREATE EXTENSION advisory_lock'), '42P06', 'a schema made before is an error')
  foreach $creator, $super;
$creator->query('DROP SCHEMA advisory_lock CASCADE');

# What stands in the search_path or in the default privileges of who creates
# it leads nothing astray.
is($another->sqlstate_of('CREATE EXTENSION advisory_lock'), '42501',
	'who may not create objects may not create the extension');
$creator->query($_)
  foreach 'CREATE SCHEMA astray',
  'CREATE FUNCTION astray.current_database() RETURNS name LANGUAGE sql AS $$SELECT NULL::name$$',
  'CREATE FUNCTION astray.eq(oid, oid) RETURNS boolean LANGUAGE sql AS $$SELECT true$$',
  'CREATE OPERATOR astray.= (leftarg = oid, rightarg = oid, function = astray.eq)',
  'CREATE TABLE astray.pg_locks (pid integer)',
  'CREATE DOMAIN astray.interval AS text',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO another',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO another',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO another',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO another',
  'SET search_path = astray, pg_catalog';
is($creator->sqlstate_of('CREATE EXTENSION advisory_lock'), '00000', 'who may, may');
$creator->query($_)
  foreach 'RESET search_path',
  'ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM another',
  'ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM another',
  'ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM another',
  'ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM another';
is( $super->query(<<'EOT'), '', 'whose default privileges give nobody a right in it');
SELECT name, a.grantee::regrole
FROM (SELECT nspname AS name, nspacl AS acl FROM pg_namespace WHERE nspname = 'advisory_lock'
    UNION ALL
    SELECT relname, relacl FROM pg_class WHERE relnamespace = 'advisory_lock'::regnamespace
    UNION ALL
    SELECT proname, proacl FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace) AS o, aclexplode(acl) AS a
WHERE a.grantee NOT IN (0, 10, 'pg_database_owner'::regrole)
EOT
is( $super->query(<<'EOT'), '', 'its views depend on nothing outside of itself and the catalogs');
SELECT DISTINCT pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend AS d, pg_identify_object(d.refclassid, d.refobjid, 0) AS i
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid > 16383
    AND (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid) IN (
        SELECT oid FROM pg_class WHERE relnamespace = 'advisory_lock'::regnamespace)
    AND split_part(i.identity, '.', 1) <> 'advisory_lock'
EOT

# Everybody can lock; nobody can put himself in the place of what others call.
foreach my $session ($owner, $creator, $another)
{
	my $who = $session->query('SELECT current_user');

	cmp_ok($session->query("SELECT advisory_lock.lock('$who')"), '>', 0, "$who can lock");
	states_are($who, $session,
		"SELECT advisory_lock.fence('$who', advisory_lock.token('$who'))" => '00000',
		'ALTER SCHEMA advisory_lock RENAME TO mine' => '42501',
		'ALTER SCHEMA advisory_lock OWNER TO CURRENT_USER' => '42501',
		'DROP SCHEMA advisory_lock CASCADE' => '42501',
		'CREATE FUNCTION advisory_lock.lock(varchar) RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$' => '42501',
		'CREATE TABLE advisory_lock.mine ()' => '42501',
		'ALTER FUNCTION advisory_lock.lock(text) RENAME TO mine' => '42501',
		'ALTER FUNCTION advisory_lock.lock(text) SET SCHEMA public' => '42501',
		'CREATE OR REPLACE FUNCTION advisory_lock.lock(name text) RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$' => '42501',
		'DROP TABLE advisory_lock.fences' => '42501',
		'ALTER TABLE advisory_lock.fences ADD CHECK (false)' => '42501',
		'CREATE TRIGGER t AFTER INSERT ON advisory_lock.fences EXECUTE FUNCTION suppress_redundant_updates_trigger()' => '42501',
		'CREATE RULE r AS ON INSERT TO advisory_lock.fences DO INSTEAD NOTHING' => '42501',
		'ALTER SEQUENCE advisory_lock.token_sequence RESTART' => '42501',
		'ALTER EXTENSION advisory_lock DROP SCHEMA advisory_lock' => '42501',
		'ALTER EXTENSION advisory_lock DROP FUNCTION advisory_lock.lock(text)' => '42501');
}
states_are('a creator', $creator,
	'ALTER EXTENSION advisory_lock SET SCHEMA astray' => '0A000',
	'TABLE advisory_lock.fences' => '42501',
	'SELECT advisory_lock.reset_stats()' => '42501',
	"SELECT advisory_lock.forget_fences('0')" => '42501',
	"SELECT setval('advisory_lock.token_sequence', 1)" => '42501');

# Whatever of one's own is added to the extension stays outside of the schema,
# where nobody looks for it: neither the library, nor withlock.
my $become_super = 'LANGUAGE plpgsql AS $$BEGIN ALTER ROLE "a creator" SUPERUSER; RETURN NULL; END$$';
my %added = (
	'FUNCTION astray.lock(text)' => "FUNCTION astray.lock(text) RETURNS bigint $become_super",
	'FUNCTION astray.key(text)' => "FUNCTION astray.key(text) RETURNS integer $become_super",
	'OPERATOR astray.<= (bigint, bigint)' =>
	  'OPERATOR astray.<= (leftarg = bigint, rightarg = bigint, function = astray.le)',
	'SEQUENCE astray.token_sequence' => 'SEQUENCE astray.token_sequence START 7',
	'TABLE astray.fences' => 'TABLE astray.fences (name text PRIMARY KEY, token bigint)',
	'VIEW astray.locks' => 'VIEW astray.locks AS SELECT astray.key(NULL) AS key1');
states_are('a creator', $creator,
	"CREATE FUNCTION astray.le(bigint, bigint) RETURNS boolean $become_super" => '00000',
	map { ("CREATE $added{$_}" => '00000', "ALTER EXTENSION advisory_lock ADD $_" => '00000') } sort keys %added);
states_are('a creator', $creator,
	'ALTER FUNCTION astray.lock(text) SET SCHEMA advisory_lock' => '42501',
	'ALTER TABLE astray.fences SET SCHEMA advisory_lock' => '42501',
	'ALTER SEQUENCE astray.token_sequence SET SCHEMA advisory_lock' => '42501',
	'ALTER EXTENSION advisory_lock ADD SCHEMA astray' => '00000',
	'ALTER SCHEMA astray RENAME TO advisory_lock' => '42P06');
{
	my $victim = session($node, 'theirs');
	$victim->query('SET search_path = astray, pg_catalog');
	cmp_ok($victim->query("SELECT advisory_lock.lock('x')"), '>', 7, 'a superuser gets a token from the real sequence');
	is($victim->sqlstate_of("SELECT advisory_lock.fence('x', advisory_lock.token('x'))"), '00000', 'and passes the fence');
	is($victim->query('SELECT count(*) FROM astray.fences'), '0', 'which is the real one');
	cmp_ok($victim->query('SELECT count(*) FROM advisory_lock.locks'), '>', 0, 'and sees the locks');
	$victim->quit;

	local $ENV{WITHLOCK_DB} =
	  $node->connstr('theirs') . " options='-c search_path=astray,pg_catalog'";
	is(withlock('x', '--', 'true')->status, 0, 'withlock runs for a superuser');
	is(withlock('--list')->status, 0, 'and lists');
}
is($super->query(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'a creator'}), 'f', 'nobody has run his code');
states_are('a creator', $creator,
	(map { ("ALTER EXTENSION advisory_lock DROP $_" => '00000') } 'SCHEMA astray', sort keys %added),
	'DROP SCHEMA astray CASCADE' => '00000');

# The owner of the database has what he needs, and no more.
states_are('an owner', $owner,
	'TABLE advisory_lock.fences' => '00000',
	'SELECT advisory_lock.reset_stats()' => '00000',
	'TRUNCATE advisory_lock.fences' => '42501',
	'DROP EXTENSION advisory_lock' => '42501');

# He dumps and restores it, twice, in databases that others have created; what
# was fenced off stays so.
my $token = $owner->query("SELECT advisory_lock.token('an owner')");
my $dump = PostgreSQL::Test::Utils::tempdir() . '/theirs.dump';
run_as('an owner', 'the owner of a database can dump it',
	'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('theirs'));
$owner->query('CREATE DATABASE restored TEMPLATE template0');
foreach my $round ('restore it', 'and once more, over it')
{
	run_as('an owner', $round, 'pg_restore', '-e', '--clean', '--if-exists',
		'-d', $node->connstr('restored'), $dump);
	my $restored = session_of('an owner', 'restored');
	is($restored->query("SELECT token, owner FROM advisory_lock.fences WHERE name = 'an owner'"),
		"$token|an owner", "$round: with its fences");
	cmp_ok($restored->query("SELECT advisory_lock.lock('an owner')"), '>', $token,
		"$round: the next token is above those of the dump");
	$restored->quit;
}
my ($commands) = run_command([ 'pg_restore', '-f', '-', $dump ]);
unlike($commands,
	qr/^(GRANT|REVOKE|CREATE SCHEMA advisory_lock|SET SESSION AUTHORIZATION)/m,
	'the dump asks for nothing that an owner could not restore');

# A superuser who is not the bootstrap superuser owns nothing of it either,
# and so keeps no power when he is one no more.
$super->query('CREATE DATABASE supers');
$super->query('CREATE ROLE "a superuser" LOGIN SUPERUSER');
my $other_super = session_of('a superuser', 'supers');
$other_super->query('CREATE EXTENSION advisory_lock');
is( $other_super->query(<<'EOT'), '10|a superuser', 'the objects belong to the bootstrap superuser');
SELECT string_agg(DISTINCT owner::text, ' '), current_user
FROM (SELECT nspowner AS owner FROM pg_namespace WHERE nspname = 'advisory_lock'
    UNION SELECT relowner FROM pg_class WHERE relnamespace = 'advisory_lock'::regnamespace
    UNION SELECT proowner FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace) AS owners
EOT
is($other_super->query('SHOW role'), 'none', 'and the role is what it was');
$super->query('ALTER ROLE "a superuser" NOSUPERUSER');
states_are('a former superuser', $other_super,
	'CREATE OR REPLACE FUNCTION advisory_lock.lock(name text) RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$' => '42501',
	'ALTER SCHEMA advisory_lock RENAME TO mine' => '42501');

# While somebody waits for the fences, which have been found by their name, the
# extension can be dropped, and a trap be put in its place.
$owner->query('CREATE DATABASE swapped');
my ($swapper, $victim) = map { session_of('an owner', 'swapped') } 1 .. 2;
foreach my $call ("fence('x', TOKEN)", "forget_fences('1 day')")
{
	$swapper->query('CREATE EXTENSION advisory_lock');
	my $newest = $swapper->query("SELECT advisory_lock.lock('x')");
	$swapper->query('BEGIN; LOCK TABLE advisory_lock.fences');
	$victim->start('SELECT advisory_lock.' . $call =~ s{TOKEN}{$newest}r);
	$victim->wait_blocked;
	$swapper->query(<<'EOT');
DROP EXTENSION advisory_lock;
CREATE SCHEMA advisory_lock;
CREATE TABLE advisory_lock.fences (key1 integer, key2 integer, kind integer, name text COLLATE "C", token bigint, fenced_at timestamptz, owner name,
	PRIMARY KEY (key1, key2, kind));
INSERT INTO advisory_lock.fences VALUES (1, 2, 2, 'old', 1, 'epoch', 'an owner');
CREATE FUNCTION advisory_lock.trap() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN ALTER ROLE "an owner" SUPERUSER; RETURN NEW; END$$;
CREATE TRIGGER t BEFORE INSERT OR DELETE ON advisory_lock.fences FOR EACH ROW EXECUTE FUNCTION advisory_lock.trap();
COMMIT
EOT
	is($victim->finish_state, '42704', "what was put in the place of the fences is not written to: $call");
	is($super->query(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'an owner'}), 'f', 'and its trigger not run');
	$super->query('ALTER ROLE "an owner" NOSUPERUSER');
	$swapper->query('DROP SCHEMA advisory_lock CASCADE');
}
$_->quit foreach $swapper, $victim;

# Who created it can go, and leaves nothing of himself behind.
$creator->query('DROP EXTENSION advisory_lock');
is($super->query("SELECT count(*) FROM pg_namespace WHERE nspname = 'advisory_lock'"),
	'0', 'who created the extension can drop it, and its schema goes with it');
$creator->query('CREATE EXTENSION advisory_lock');
$creator->quit;
$super->query('REASSIGN OWNED BY "a creator" TO "an owner"; DROP OWNED BY "a creator"; DROP ROLE "a creator"');
is( $super->query(<<'EOT'), '', 'no privilege names a role that is gone');
SELECT classoid::regclass, objoid, a.grantee FROM pg_init_privs, aclexplode(initprivs) AS a
WHERE a.grantee <> 0 AND a.grantee NOT IN (SELECT oid FROM pg_authid)
EOT
run_as('an owner', 'the database can still be dumped', 'pg_dump', '-f', $dump, '-d', $node->connstr('theirs'));
unlike(slurp_file($dump), qr/^(GRANT|REVOKE).*\b\d{5}/m, 'without a number in the place of a role');
states_are('an owner', $owner, 'DROP EXTENSION advisory_lock' => '00000');

done_testing();
