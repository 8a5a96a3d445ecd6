# Copyright (c) 2026 the advisory_lock authors
#
# The extension is dropped while a command runs under a lock, and an ordinary
# role puts functions of its own in the place of what withlock calls at the end
# and meanwhile.  None is called, with the rights of a superuser, of a superuser
# who has set another role, which a function may set back, or of anybody else.
# Who lists locks keeps the extension from being dropped until he has.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Withlock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE ROLE squatter; CREATE ROLE modest LOGIN');

# Every function there is by that name, but for who made it.
my $plant = <<'EOT';
CREATE TEMPORARY TABLE functions AS
SELECT format('CREATE FUNCTION advisory_lock.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', proname,
		(SELECT string_agg(format_type(type, NULL), ', ' ORDER BY place)
		   FROM unnest(proargtypes) WITH ORDINALITY AS a(type, place)),
		CASE WHEN prorettype < 16384 AND prorettype NOT IN ('record'::regtype, 'void'::regtype) THEN format_type(prorettype, NULL) ELSE 'text' END,
		format('BEGIN RAISE LOG ''TRAPPED %s''; RETURN NULL; END', proname)) AS sql
  FROM pg_proc
 WHERE pronamespace = 'advisory_lock'::regnamespace AND prokind = 'f' AND NOT proretset;
GRANT SELECT ON functions TO squatter;
DROP EXTENSION advisory_lock;
SET ROLE squatter;
CREATE SCHEMA advisory_lock;
GRANT USAGE ON SCHEMA advisory_lock TO public;
SELECT sql FROM functions \gexec
SELECT count(*) > 20 FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace;
EOT

# How often something of the squatter's has been called
sub trapped
{
	return scalar(() = slurp_file($node->logfile) =~ /LOG:\s+TRAPPED/g);
}

my $go = PostgreSQL::Test::Utils::tempdir . '/go';

# Meanwhile there are a check, and renewals of a lease.
sub end_of
{
	my ($env, $how, @arguments) = @_;

	$node->safe_psql('postgres', 'CREATE DATABASE left_behind');
	$node->safe_psql('left_behind', 'CREATE EXTENSION advisory_lock; GRANT CREATE ON DATABASE left_behind TO squatter');
	my $running = start_withlock({ env => $env }, @arguments, '-d', conninfo($node, 'left_behind'), '--',
		'sh', '-c', "echo ready; until test -e $go; do sleep 0.05; done; sleep 1.5");
	$running->wait_output(qr/ready/);
	like($node->safe_psql('left_behind', $plant), qr/^t$/m, "$how: a squatter has the schema");
	append_to_file($go, '');
	$running->wait;
	is(trapped(), 0, '... and nothing of his is run');
	unlink $go;
	$node->safe_psql('postgres', 'DROP DATABASE left_behind WITH (FORCE)');
	return $running->status;
}

foreach my $caller ([ 'a superuser', {} ], [ 'a superuser as another', { PGOPTIONS => '-c role=modest' } ], [ 'a role', { PGUSER => 'modest' } ])
{
	my ($who, $env) = @$caller;

	foreach my $how ([], ['-s'], [ '--also', 'another' ], [ '--permits', '2' ])
	{
		is(end_of($env, "$who @$how", 'x', @$how), 0, '... the lock is released all the same');
	}
	end_of($env, "$who @$_", @$_)
	  foreach [ '--key', '5' ], [ '--key', '5,6' ], [ 'x', '--transaction' ], [ 'x', '--lease', '3s' ], [ 'x', '--once-per', '1h' ];
}

# --- The extension is to go between the question whether it is there and the list

foreach my $look (['--list'], [ '--status', 'x' ], [ '--kill', 'x' ])
{
	$node->safe_psql('postgres', 'CREATE DATABASE looked_at');
	$node->safe_psql('looked_at', 'CREATE EXTENSION advisory_lock');
	my $proxy = Proxy->new($node);
	$proxy->hold('WITH wanted');
	my $running = start_withlock(@$look, '-d', $proxy->conninfo('looked_at'));
	wait_until { $proxy->held } 'it is about to look';
	# what it has sent before is being run
	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'looked_at' AND state = 'active' AND xact_start IS NOT NULL");
	my ($status, $stdout, $stderr) = $node->psql('looked_at', "SET lock_timeout = '100ms'; DROP EXTENSION advisory_lock");
	like($stderr, qr/lock timeout/, "@$look: the extension stays meanwhile");
	$proxy->go;
	$running->wait;
	like($running->stderr, qr{\A(withlock: lock "x": nobody holds it\n)?\z}, '... and is asked');
	$proxy->close;
	$node->safe_psql('postgres', 'DROP DATABASE looked_at WITH (FORCE)');
}

done_testing();
