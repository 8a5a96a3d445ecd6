# Copyright (c) 2026 the advisory_lock authors
#
# After a failover every token is above all of the former primary, though the
# standby had not received its last ones, and though it goes on issuing some.
# PG_TEST_EXTRA=stops promotes 20 standbys instead of two.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

# One token, of a lock that is released again.
sub draw_token
{
	my ($node) = @_;

	return $node->safe_psql('postgres', "SELECT advisory_lock.lock('job')");
}

# Makes a standby that is as far as its primary.
sub start_standby
{
	my ($name, $primary) = @_;

	$primary->backup($name);
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	$standby->start;
	$primary->wait_for_catchup($standby);
	return $standby;
}

# Lets the standby miss many tokens, and makes it the primary.  Returns the
# last token that the former primary had issued by then.
sub fail_over
{
	my ($primary, $standby) = @_;

	$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
	$standby->reload;
	$primary->poll_query_until('postgres',
		'SELECT count(*) = 0 FROM pg_stat_replication')
	  or die 'replication does not end';

	$primary->safe_psql('postgres', <<'EOT');
SELECT count(advisory_lock.xact_lock('job ' || i)) FROM generate_series(1, 500) AS i;
SELECT pg_switch_wal();
EOT
	my $last = draw_token($primary);
	my $missing = $primary->lsn('flush');
	is($standby->safe_psql('postgres', "SELECT pg_last_wal_receive_lsn() < '$missing'"),
		't', $standby->name . ': it lags');
	$standby->promote;
	$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'the standby is not promoted';
	return $last;
}

my $primary = start_node('primary', init => [ allows_streaming => 1 ]);
my $first = draw_token($primary);

my $promotions = ($ENV{PG_TEST_EXTRA} // '') =~ /\bstops\b/ ? 20 : 2;
foreach my $name (map { "standby_$_" } 1 .. $promotions)
{
	my $standby = start_standby($name, $primary);
	my $last = fail_over($primary, $standby);
	my $new = draw_token($standby);

	cmp_ok($last, '>', $first, "$name: the former primary's tokens rose");
	cmp_ok($new, '>', $last, "$name: the first token is above its last");
	cmp_ok($new >> 48, '==', ($last >> 48) + 1, "$name: by the timeline");

	# The former primary does not know yet.
	$primary->safe_psql('postgres',
		"SELECT count(advisory_lock.xact_lock('job')) FROM generate_series(1, 1000)");
	my $late = draw_token($primary);
	cmp_ok($late, '>', $last, "$name: the former primary still issues tokens");
	cmp_ok($new, '>', $late, "$name: and none is above the new primary's first");
	cmp_ok(draw_token($standby), '>', $new, "$name: which rise on");

	# A job of the former primary's is fenced off by the new one.
	$standby->safe_psql('postgres', "SELECT advisory_lock.fence('job', $late)");
	$standby->safe_psql('postgres', "SELECT advisory_lock.fence('job', $new)");
	is(session($standby)->sqlstate_of("SELECT advisory_lock.fence('job', $late)"),
		'55000', "$name: a token of the former primary's is refused");

	$primary->stop;
	$primary = $standby;
	$first = $new;
}

done_testing();
