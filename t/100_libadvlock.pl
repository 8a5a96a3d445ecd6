# Copyright (c) 2026 the advisory_lock authors
#
# libadvlock against a server with the extension and a database without it.
# Each test is a function of client/tests.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $program = PostgreSQL::Test::Utils::tempdir . '/advlock_test';
compile($program, test_sources(), @shared_library);

my $node = start_node(
	'main',
	extension => 0,
	conf => "deadlock_timeout = 100ms");
foreach my $dbname (qw(extension plain))
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname ENCODING UTF8 LOCALE 'C' TEMPLATE template0");
}
$node->safe_psql('extension', 'CREATE EXTENSION advisory_lock');

foreach my $place (qw(extension plain))
{
	foreach my $test (library_tests($program, 'any', $place))
	{
		passes("$test ($place)", $program, conninfo($node, $place), $test);
	}
}

# A session that uses the extension and one that does without it meet when
# both are in one database.
my $holder = session($node, 'extension');
$holder->query("SELECT advisory_lock.lock('test-lock')");
is( $node->safe_psql(
		'extension', 'SELECT pg_try_advisory_lock(-107789403, -1898803861)'),
	'f',
	'the extension and plain locks have the same keys');

done_testing();
