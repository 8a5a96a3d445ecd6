# Copyright (c) 2026 the advisory_lock authors
#
# A timeline that is used twice: a standby is promoted and thrown away, and
# another one, or the same from a backup, is promoted to the same timeline.  The
# clock puts the tokens of the second above those of the first.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $COUNTER = (1 << 48) - 1;

sub draw_token
{
	my ($node) = @_;

	return $node->safe_psql('postgres', "SELECT advisory_lock.lock('job')");
}

# Makes a server from the backup, and promotes it.
sub promoted
{
	my ($name, $primary) = @_;

	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($primary, 'backup', has_streaming => 1);
	$node->append_conf('postgresql.conf', "primary_conninfo = ''");
	$node->start;
	$node->promote;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'the server is not promoted';
	return $node;
}

my $primary = start_node('primary', init => [ allows_streaming => 1 ]);
draw_token($primary);
$primary->backup('backup');

my $first = promoted('first', $primary);
my @tokens = map { draw_token($first) } 1 .. 3;
$first->safe_psql('postgres', "SELECT advisory_lock.fence('job', $tokens[-1])");
$first->stop;

# Until the clock is past what was given.
my $counter = $tokens[-1] & $COUNTER;
$primary->poll_query_until('postgres',
	"SELECT extract(epoch FROM clock_timestamp() - '2026-01-01 UTC')::bigint << 16 > $counter + (1 << 16)")
  or die 'the clock stands still';

my $second = promoted('second', $primary);
my $token = draw_token($second);
is($token >> 48, $tokens[-1] >> 48, 'two servers are of one timeline');
cmp_ok($token, '>', $tokens[-1], 'the tokens of the second are above all of the first');
cmp_ok(draw_token($second), '>', $token, 'and rise on');

# Where the clocks are wrong, and a resource has seen more, there is a way.
my $seen = $token + 10_000_000;
$second->safe_psql('postgres', "SELECT advisory_lock.raise_tokens($seen)");
cmp_ok(draw_token($second), '>', $seen, 'raise_tokens() puts them above what a resource has seen');

# The former primary, if it goes on, is below both until its next promotion.
cmp_ok(draw_token($primary), '<', $tokens[0], 'the former primary is of an older timeline');

done_testing();
