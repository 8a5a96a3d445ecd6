# Copyright (c) 2026 the advisory_lock authors
#
# Twenty sessions on three permits: never more at once, first come first
# served, nothing lost with a killed holder, and no busy waiting.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use AdvisoryLock;

my $node = start_node('main', conf => 'autovacuum = off');
my $ACQUIRE = "SELECT advisory_lock.acquire_permit('pool', 3)";

# How many permits are held, by the lock table.
sub held_permits
{
	return $node->safe_psql('postgres', <<'EOT');
SELECT count(*) FROM generate_series(1, 20) AS i, advisory_lock.key('pool#' || i) AS k
JOIN pg_locks ON granted AND locktype = 'advisory' AND objsubid = 2
	AND classid::bigint = k.key1::bigint & 4294967295
	AND objid::bigint = k.key2::bigint & 4294967295
EOT
}

# CPU time of a process so far, in seconds.
sub cpu_seconds
{
	my ($pid) = @_;
	my ($nanoseconds) = split(/ /, slurp_file("/proc/$pid/schedstat"));

	return $nanoseconds / 1e9;
}

# Returns once the session waits: as the head of the queue it looks for a free
# permit, else it waits for the queue's lock.
sub wait_queued
{
	my ($session, $head) = @_;

	return $session->wait_blocked unless $head;
	wait_until {
		$node->safe_psql('postgres',
			"SELECT count(*) FROM pg_locks WHERE pid = @{[ $session->pid ]}"
			  . " AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted");
	} 'the session is the head of the queue';
	return;
}

my @sessions = map { session($node) } 1 .. 20;
my @holders = @sessions[0 .. 2];
my @waiters = @sessions[3 .. 19];

is(join(' ', map { $_->query($ACQUIRE) } @holders), '1 2 3', 'three get permits at once');
foreach my $i (0 .. $#waiters)
{
	$waiters[$i]->start($ACQUIRE);
	wait_queued($waiters[$i], $i == 0);
}
is(held_permits(), 3, 'and 17 others wait');

# While nothing happens, waiting costs next to nothing.
my $seconds = 3;
my @before = map { cpu_seconds($_->pid) } @waiters;
sleep $seconds;
my @used = map { cpu_seconds($waiters[$_]->pid) - $before[$_] } 0 .. $#waiters;
my ($most) = sort { $b <=> $a } @used;
cmp_ok($most, '<', 0.01 * $seconds,
	sprintf('a waiter uses less than 1 %% of a core: at most %.3f %%', 100 * $most / $seconds));
cmp_ok($most, '>', 0, 'which is measured');

# Every release lets in the one who came first, and nobody else.  Some holders
# release their permit, some are killed, some just leave.
my @leave = (
	sub { $_[0]->query('SELECT advisory_lock.unlock_all()'); },
	sub { $_[0]->quit; },
	sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $_[0]->pid . ')'); });
my $in_order = 0;
my $most_held = 0;
foreach my $i (0 .. $#waiters)
{
	$leave[ $i % @leave ]->(shift @holders);
	my $permit = $waiters[$i]->finish;
	$in_order++
	  if $permit =~ /^[123]$/ && !grep { $_->is_finished } @waiters[ $i + 1 .. $#waiters ];
	push @holders, $waiters[$i];
	my $held = held_permits();
	$most_held = $held if $held > $most_held;
}
is($in_order, 17, 'the waiters get permits one by one, first come, first served');
is($most_held, 3, 'never are more than three held');

# Different limits: each caller looks at the permits up to its own.
my ($small, $large) = (session($node), session($node));
is($small->query("SELECT advisory_lock.acquire_permit('pool', 2, '0')"), '',
	'a caller with a smaller limit has none of them');
is($large->query("SELECT advisory_lock.acquire_permit('pool', 5, '0')"), 4,
	'one with a greater limit has another');
$large->query("SELECT advisory_lock.unlock_all()");

# A waiter that is canceled leaves its place to the next.
my ($first, $second) = (session($node), session($node));
$first->start($ACQUIRE);
wait_queued($first, 1);
$second->start($ACQUIRE);
wait_queued($second, 0);
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $first->pid . ')');
is($first->finish_state, '57014', 'the head of the queue is canceled');
is($first->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
	0, 'and holds nothing, nor its place');
$holders[0]->query('SELECT advisory_lock.unlock_all()');
like($second->finish, qr/^[123]$/, 'the next in the queue is served');

# Under load: never too many.  Who has a permit counts itself.
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	  . " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
$node->safe_psql('postgres', 'CREATE SEQUENCE too_many MINVALUE 0 START 0');
@sessions = map { session($node) } 1 .. 20;
$_->start(<<'EOT') foreach @sessions;
DO $$
DECLARE
	token bigint;
	permit integer;
	inside integer;
BEGIN
	FOR i IN 1 .. 25 LOOP
		CALL advisory_lock.acquire('busy', NULL, false, 3, token, permit);
		PERFORM pg_advisory_lock_shared(1);
		SELECT count(*) INTO inside FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid = 1 AND granted;
		IF inside > 3 THEN
			PERFORM nextval('too_many');
		END IF;
		PERFORM pg_sleep(0.001 * random());
		PERFORM pg_advisory_unlock_shared(1);
		PERFORM advisory_lock.release_permit('busy', permit);
	END LOOP;
END
$$
EOT
$_->finish foreach @sessions;
is($node->safe_psql('postgres', 'SELECT is_called FROM too_many'), 'f',
	'in 500 grants to 20 sessions never more than three were inside');

done_testing();
