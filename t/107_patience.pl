# Copyright (c) 2026 the advisory_lock authors
#
# withlock does not end a healthy command for passing trouble at the server:
# catalogs that somebody rewrites, the extension dropped under it, its schema
# made inaccessible.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

# A check comes every 10 s, and 8 s of silence are a loss.
my $SECONDS = 22;

my $node = start_node('main', extension => 0);

# Each database has a trouble of its own, and a job under a lock in it.
my %trouble = (
	locked => "BEGIN; LOCK TABLE pg_catalog.pg_proc IN ACCESS EXCLUSIVE MODE",
	forgotten => "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
	  . "BEGIN; LOCK TABLE pg_catalog.pg_proc, pg_catalog.pg_type IN ACCESS EXCLUSIVE MODE",
	dropped => 'DROP EXTENSION advisory_lock',
	revoked => 'REVOKE USAGE ON SCHEMA advisory_lock FROM PUBLIC');
my (%job, %session);

$node->safe_psql('postgres', 'CREATE ROLE ordinary LOGIN');
foreach my $name (sort keys %trouble)
{
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION advisory_lock');
	$job{$name} = start_withlock(
		'x', '-v', '-d', conninfo($node, $name) . ' user=ordinary',
		'--', 'sh', '-c', "sleep $SECONDS; exit 7");
}
foreach my $name (sort keys %trouble)
{
	$job{$name}->wait_command;
	$session{$name} = session($node, $name);
	$session{$name}->query($trouble{$name});
}
foreach my $name (sort keys %trouble)
{
	wait_until { $job{$name}->stderr =~ /cannot check/ } 'a check fails'
	  if $name eq 'forgotten';
	is($job{$name}->wait, 7, "the command ends by itself: $name")
	  or diag($job{$name}->stderr);
	$session{$name}->quit;
}

done_testing();
