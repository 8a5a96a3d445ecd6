# Copyright (c) 2026 the advisory_lock authors
#
# A cancel, or a statement_timeout of the caller's, that comes when a lock has
# been granted: libadvlock and withlock never hold what they say they do not.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Spoiler;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $program = PostgreSQL::Test::Utils::tempdir . '/advlock_test';
compile($program, test_sources(), @shared_library);

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE plain');

my $spoiler = Spoiler->new($node);
foreach my $dbname ('postgres', 'plain')
{
	passes("$_ ($dbname)", $program, $spoiler->conninfo($dbname), $_)
	  foreach library_tests($program, 'spoiled');
}
$spoiler->close;

done_testing();
