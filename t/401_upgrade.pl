# Copyright (c) 2026 the advisory_lock authors
#
# The way to the next version is paved: ALTER EXTENSION ... UPDATE, with a
# script that stands for the next version's.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my ($version) = slurp_file('advisory_lock.control') =~ /^default_version = '(.*)'/m;
my $next = "$version.next";
chomp(my $scripts = `pg_config --sharedir`);
my $script = "$scripts/extension/advisory_lock--$version--$next.sql";
plan skip_all => "$scripts/extension cannot be written to" unless -w "$scripts/extension";

END { unlink $script if defined $script }

append_to_file($script, <<'EOT');
\echo Use "ALTER EXTENSION advisory_lock UPDATE" to load this file. \quit
CREATE FUNCTION advisory_lock.next_version() RETURNS text LANGUAGE sql AS $$ SELECT 'next' $$;
COMMENT ON FUNCTION advisory_lock.next_version() IS 'stands for what the next version adds';
EOT

# All that the extension consists of, as text.
my $contents = q{
	SELECT pg_describe_object(classid, objid, objsubid) COLLATE "C",
		CASE WHEN classid = 'pg_proc'::regclass THEN pg_get_functiondef(objid)
			WHEN classid = 'pg_class'::regclass AND pg_get_viewdef(objid) IS NOT NULL THEN pg_get_viewdef(objid) END,
		obj_description(objid, classid::regclass::name)
	FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'advisory_lock')
	ORDER BY 1};
my $extversion = q{SELECT extversion FROM pg_extension WHERE extname = 'advisory_lock'};

my $node = start_node('main');
is($node->safe_psql('postgres', $extversion), $version, 'version before the update');
my $before = $node->safe_psql('postgres', $contents);
my $holder = session($node);
my $token = $holder->query("SELECT advisory_lock.lock('kept')");
$node->safe_psql('postgres', "SELECT advisory_lock.fence('kept', $token)");

$node->safe_psql('postgres', "ALTER EXTENSION advisory_lock UPDATE TO '$next'");
is($node->safe_psql('postgres', $extversion), $next, 'and after');
is($node->safe_psql('postgres', 'SELECT advisory_lock.next_version()'), 'next', 'what is new is there');
is($node->safe_psql('postgres', q{SELECT advisory_lock.try_lock('kept')}), 'f', 'a lock outlives the update');
is($holder->query("SELECT advisory_lock.unlock('kept')"), 't', 'and its session goes on');
cmp_ok($node->safe_psql('postgres', q{SELECT advisory_lock.lock('kept')}),
	'>', $token, 'tokens go on, too');

# One who begins with the next version has the same.
my $updated = $node->safe_psql('postgres', $contents);
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', "CREATE EXTENSION advisory_lock VERSION '$next'");
is($node->safe_psql('fresh', $contents), $updated, 'an update gives what a new installation gives');
isnt($updated, $before, 'which is not what was there before');

# Whoever created it can update it, and owns no more of it than before; nothing
# in his search_path is taken for what is meant.
$node->safe_psql('postgres', $_)
  foreach 'CREATE ROLE creator LOGIN', 'CREATE DATABASE theirs', 'GRANT CREATE ON DATABASE theirs TO creator';
{
	local $ENV{PGUSER} = 'creator';
	$node->safe_psql('theirs', "CREATE EXTENSION advisory_lock VERSION '$version'");
	$node->safe_psql('theirs',
		"CREATE SCHEMA astray; CREATE DOMAIN astray.text AS pg_catalog.text CHECK (false); SET search_path = astray, pg_catalog;"
		  . " ALTER EXTENSION advisory_lock UPDATE TO '$next'");
}
is($node->safe_psql('theirs', $contents), $updated, 'an update by who created it gives the same');
is( $node->safe_psql('theirs', <<'EOT'), '10', 'which belongs to the bootstrap superuser');
SELECT string_agg(DISTINCT owner::text, ' ')
FROM (SELECT nspowner AS owner FROM pg_namespace WHERE nspname = 'advisory_lock'
    UNION ALL SELECT relowner FROM pg_class WHERE relnamespace = 'advisory_lock'::regnamespace
    UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace) AS owners
EOT

my ($status, undef, $stderr) =
  $node->psql('postgres', "ALTER EXTENSION advisory_lock UPDATE TO '$version'");
isnt($status, 0, 'there is no way back');
like($stderr, qr/no update path/, 'and that is said');
$node->safe_psql('postgres', 'DROP EXTENSION advisory_lock');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'advisory_lock'}),
	0, 'DROP EXTENSION removes all of both');

done_testing();
