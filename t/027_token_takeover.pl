# Copyright (c) 2026 the advisory_lock authors
#
# A database that takes over from another without the last position of its
# tokens: a logical replica, which has the fences alone, and one restored from
# a dump that was taken before the last tokens.  The clock and the fences put
# what follows above them.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $COUNTER = (1 << 48) - 1;
my $TOKEN = "SELECT advisory_lock.lock('job')";

# Until the clock of the counter is past a token.
sub wait_for_clock
{
	my ($node, $token) = @_;
	my $counter = $token & $COUNTER;

	$node->poll_query_until('postgres',
		"SELECT extract(epoch FROM clock_timestamp() - '2026-01-01 UTC')::bigint << 16 > $counter + (1 << 16)")
	  or die 'the clock stands still';
	return;
}

my $first = start_node('first', init => [ allows_streaming => 'logical' ]);
my $second = start_node('second');

# A dump is taken early.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/early.sql';
$first->safe_psql('postgres', $TOKEN);
command_ok([ 'pg_dump', '-f', $dump, '-d', $first->connstr('postgres') ], 'a dump is taken');

# The replica has given tokens of its own, so it will not ask the fences first.
my $own = $second->safe_psql('postgres', $TOKEN);
my $connstr = $first->connstr('postgres');
$first->safe_psql('postgres', 'CREATE PUBLICATION fences FOR TABLE advisory_lock.fences');
$second->safe_psql('postgres', "CREATE SUBSCRIPTION fences CONNECTION \$\$$connstr\$\$ PUBLICATION fences");
$first->wait_for_catchup('fences');

$first->safe_psql('postgres', "SELECT advisory_lock.raise_tokens($own + 1000)");
my $old = $first->safe_psql('postgres', $TOKEN);
my $newest = $first->safe_psql('postgres', $TOKEN);
$first->safe_psql('postgres', "SELECT advisory_lock.fence('job', $newest)");
$second->poll_query_until('postgres', "SELECT count(*) > 0 FROM advisory_lock.fences WHERE token = $newest")
  or die 'the fence is not replicated';
$second->safe_psql('postgres', 'DROP SUBSCRIPTION fences');
$first->stop('immediate');
wait_for_clock($second, $newest);

# What is left of a block in memory is from before: one holder is refused.
my $session = session($second);
my $token = $session->query($TOKEN);
is($session->sqlstate_of("SELECT advisory_lock.fence('job', $token)"), '55000', 'a token of the block before is refused');
$session->query("SELECT advisory_lock.unlock('job')");
$token = $session->query($TOKEN);
my $state = $session->sqlstate_of("SELECT advisory_lock.fence('job', $token)");
cmp_ok($token, '>', $newest, 'the replica goes on above the tokens of its primary');
is($state, '00000', 'which pass its fence');
is($session->sqlstate_of("SELECT advisory_lock.fence('job', $old)"), '55000', 'a late job of the primary does not');
$session->quit;

# The dump is restored where neither the position nor the fences are as new.
$second->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $second->connstr('restored') ],
	'the early dump is restored');
is($second->safe_psql('restored', 'SELECT count(*) FROM advisory_lock.fences'), '0', 'without the last fence');
cmp_ok($second->safe_psql('restored', $TOKEN), '>', $newest, 'tokens are above those given after the dump');

done_testing();
