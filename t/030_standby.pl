# Copyright (c) 2026 the advisory_lock authors
#
# On a standby a lock would exclude nobody on the primary, so it is refused
# unless advisory_lock.allow_standby is on.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $primary = start_node('primary', init => [ allows_streaming => 1 ]);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

my $session = session($standby);
my $other = session($standby);
my $HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";

my @calls = (
	"SELECT advisory_lock.lock('a')",
	"SELECT advisory_lock.lock_shared('a')",
	"SELECT advisory_lock.try_lock('a')",
	"SELECT advisory_lock.try_lock_shared('a', '1 s')",
	"SELECT advisory_lock.xact_lock('a')",
	"SELECT advisory_lock.xact_lock_shared('a')",
	"SELECT advisory_lock.try_xact_lock('a')",
	"SELECT advisory_lock.try_xact_lock_shared('a')",
	"SELECT advisory_lock.lock_many(ARRAY['a', 'b'])",
	"SELECT advisory_lock.try_lock_many(ARRAY['a', 'b'])",
	"SELECT advisory_lock.acquire_permit('a', 2)",
	"CALL advisory_lock.acquire('a')",
	"CALL advisory_lock.acquire('a', permits => 2)",
	"CALL advisory_lock.acquire_many(ARRAY['a', 'b'])");

foreach my $call (@calls)
{
	is($session->sqlstate_of($call), '25006', "$call is refused");
	like($session->messages, qr/advisory lock "[ab]" on a standby/, 'by name');
	like($session->messages, qr/^HINT:  Connect to the primary/m, 'with a hint');
}
is($session->query($HELD), 0, 'and nothing is held');
is($session->query("SELECT advisory_lock.is_locked('a')"), 'f', 'to look is allowed');

$session->query('SET advisory_lock.allow_standby = on');
$other->query('SET advisory_lock.allow_standby = on');
is($session->query("SELECT advisory_lock.lock('a')"), 0, 'when allowed, there is a lock, without a token');
is($session->query("SELECT advisory_lock.token('a')"), 0, 'token() says so too');
is($other->query("SELECT advisory_lock.try_lock('a')"), 'f', 'it excludes others on the standby');
is($primary->safe_psql('postgres', "SELECT advisory_lock.try_lock('a')"),
	't', 'but nobody on the primary');
is($other->query("CALL advisory_lock.acquire('a', '10 ms')"), '|', 'no token when the time ran out');
is($session->query("SELECT advisory_lock.unlock('a')"), 't', 'it can be released');
is($other->query("CALL advisory_lock.acquire('a', '1 min')"), '0|', 'and taken by the other');
is($other->query("SELECT advisory_lock.lock_many(ARRAY['a', 'b'])"), '{0,0}', 'many');
is($other->query("SELECT advisory_lock.acquire_permit('p', 1)"), 1, 'a permit');
is($other->query('SELECT advisory_lock.unlock_all()'), 3, 'all are released');
is($other->sqlstate_of("SELECT advisory_lock.fence('a', 0)"), '25006', 'the fence is for the primary');
is($session->query($HELD), 0, 'nothing is left');

# A lock taken on the standby has no token after its promotion either, and the
# next holder has.
$session->query("SELECT advisory_lock.lock('a')");
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
  or die 'the standby is not promoted';
is( $session->query("SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.try_lock('a')"),
	'f', 'held again after the promotion, it is kept off as others are');
cmp_ok($session->query("SET advisory_lock.lock_delay = 0; SELECT advisory_lock.lock('a')"), '>', 0,
	'... and gets a token');

done_testing();
