# Copyright (c) 2026 the advisory_lock authors

# No shared memory is to be had: locking goes on, and names are known again as
# soon as there is room.  Needs a /dev/shm of our own that is full.

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::SmallMemory;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
my $preloaded = preloads($node);

# What anybody does with locks, in two sessions; nothing of it may fail or hang.
sub locking_works
{
	my ($when) = @_;
	my ($one, $two) = (session($node), session($node));

	cmp_ok($one->query("SELECT advisory_lock.lock('job')"), '>', 0, "a lock, $when");
	is($two->query("SELECT advisory_lock.try_lock('job', '10 ms')"), 'f', "it excludes, $when");
	$two->start("SELECT advisory_lock.lock('job')");
	$two->wait_blocked;
	$one->query("SELECT advisory_lock.unlock('job')");
	cmp_ok($two->finish, '>', 0, "a wait, $when");
	$two->query("BEGIN; SELECT advisory_lock.xact_lock('in transaction'); COMMIT");
	$two->query("BEGIN; SELECT advisory_lock.xact_lock('in transaction'); ROLLBACK");
	is($two->query("SELECT array_length(advisory_lock.lock_many(ARRAY(
			SELECT 'many ' || i FROM generate_series(1, 2000) i)), 1)"),
		'2000', "many, $when");
	is($one->query("SELECT count(*) FROM advisory_lock.locks WHERE pid = " . $two->pid),
		'2001', "all of them are shown, $when");
	is($two->query("SELECT advisory_lock.acquire_permit('pool', 2)"), '1', "a permit, $when");
	is($one->query("SET advisory_lock.lock_delay = '1ms'; SELECT advisory_lock.acquire_permit('pool', 2, '1 min')"),
		'2', "another one, $when");
	is($two->query('SELECT advisory_lock.unlock_all()'), '2002', "the release, $when");
	$two->query("SELECT advisory_lock.lock('left behind')");
	$_->quit foreach $one, $two;
	wait_until
	{
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") eq '0'
	}
	'the sessions have ended';
	return;
}

# What is wanted is the registry's memory, in one piece or two, or that of the
# server's own registry of such memory.
foreach my $free (0, 2, 300, 1100, 3000)
{
	$node->stop;
	$node->start;
	leave_free($free);
	locking_works("with $free kB left");
	is($node->safe_psql('postgres', 'SELECT advisory_lock.has_registry()'),
		$preloaded ? 't' : 'f', "is there a registry, with $free kB left");
	is($node->psql('postgres', 'SELECT count(*) FROM advisory_lock.stats'), $preloaded ? 0 : 3,
		'are there statistics');
	leave_free();
	next if $free == 2;			# the server's registry has got an entry without a segment

	locking_works("with room again after $free kB");
	is($node->safe_psql('postgres', 'SELECT advisory_lock.has_registry()'), 't',
		'and the registry is there');
}

# It fills up behind our back: what is there stays as it is.
leave_free(0);
locking_works('full after the first use');
is( $node->safe_psql('postgres',
		"SELECT acquisitions > 0, total_wait_time > 0 FROM advisory_lock.stats WHERE name = 'job'"),
	't|t', 'and everything is counted');

done_testing();
