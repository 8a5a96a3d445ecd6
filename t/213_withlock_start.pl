# Copyright (c) 2026 the advisory_lock authors
#
# How often withlock and the server talk before the command runs.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Withlock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
my $log = PostgreSQL::Test::Utils::tempdir() . '/turns';
my $proxy = Proxy->new($node, log => $log);

foreach my $case (
	['with the extension', 'postgres'],
	['without it', 'bare'],
	['with a permit', 'postgres', '--permits', '2'],
	['with two locks', 'postgres', '--also', 'y'],
	['by a transaction', 'postgres', '--transaction'])
{
	my ($name, $database, @options) = @$case;

	# The first of each is the connection itself; its C may have been the
	# farewell of the one before.  A client that is kept waiting for the
	# processor in between seems to take another turn, but not always.
	my $few = qr/^C?S(CS){1,2}$/;
	my $turns = '';
	foreach my $attempt (1 .. 10)
	{
		append_to_file($log, "\n");
		$turns = withlock('x', '-d', $proxy->conninfo($database), @options, '--', 'tail', '-n', '1', $log)->stdout;
		last if $turns =~ $few;
	}
	like($turns, $few, "at most two round trips from connecting to running the command, $name");
}

# The command sees them as they were when it started: with one more, this
# would have failed.
append_to_file($log, "\n");
my $count = withlock('x', '-d', $proxy->conninfo, '--', 'withlock', 'y', '-d', $proxy->conninfo, '--', 'tail', '-n', '1', $log)->stdout;
like($count, qr/^C?S(CS){4,}$/, 'the turns of two withlocks add up');

done_testing();
