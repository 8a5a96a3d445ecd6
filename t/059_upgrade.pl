# Copyright (c) 2026 the advisory_lock authors
#
# pg_upgrade takes the extension along, whoever created it: its fences, the
# position of its tokens, who owns what, and what the library takes for its own.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $old = start_node('old', extension => 0);
$old->safe_psql('postgres', $_)
  foreach 'CREATE ROLE creator LOGIN', 'CREATE ROLE owner LOGIN',
  'CREATE DATABASE theirs OWNER owner', 'GRANT CREATE ON DATABASE theirs TO creator';
{
	local $ENV{PGUSER} = 'creator';
	$old->safe_psql('theirs', 'CREATE EXTENSION advisory_lock');
}
my $token = $old->safe_psql('theirs', "SELECT advisory_lock.lock('job')");
$old->safe_psql('theirs', "SET ROLE owner; SELECT advisory_lock.fence('job', $token)");
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
configure_registry($new);

my $bindir = $old->config_data('--bindir');
command_ok(
	[
		'pg_upgrade', '--no-sync',
		'-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');

$new->start;
my $session = session($new, 'theirs');
is($session->query('SELECT name, token, owner FROM advisory_lock.fences'), "job|$token|owner", 'the fences are there');
my $next = $session->query("SELECT advisory_lock.lock('job')");
cmp_ok($next, '>', $token, 'tokens rise on');
is($session->sqlstate_of("SET ROLE owner; SELECT advisory_lock.fence('job', $next)"), '00000', 'a fence is raised by its owner');
is($session->sqlstate_of('SELECT advisory_lock.raise_tokens(1)'), '00000', 'the owner of the database has his rights');
is($session->sqlstate_of("RESET ROLE; SET ROLE creator; SELECT advisory_lock.forget_fences('0')"), '42501', 'and nobody else has');
is($session->sqlstate_of('DROP SCHEMA advisory_lock CASCADE'), '42501', 'nor owns the schema');
$session->query('RESET ROLE');
is($session->query(<<'EOT'), '', 'no privilege names a role that is not there');
SELECT classoid::regclass, objoid, a.grantee FROM pg_init_privs, aclexplode(initprivs) AS a
WHERE a.grantee <> 0 AND a.grantee NOT IN (SELECT oid FROM pg_authid)
EOT
$session->quit;

done_testing();
