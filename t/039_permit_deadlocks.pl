# Copyright (c) 2026 the advisory_lock authors
#
# Deadlocks that go through permits are found, wherever the session stands that
# waits for one; and nobody is taken for deadlocked who is not.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;

# Before PostgreSQL 17 the second has no registry.
my @nodes = (start_node('with'), start_node('without', preload => 0));

my $FREE = 'SELECT advisory_lock.unlock_all()';

sub permit { return "SELECT advisory_lock.acquire_permit('$_[0]', $_[1])"; }

# A session that holds all permits of a pool.
sub holder_of_all
{
	my ($node, $pool, $permits) = @_;

	my $session = session($node);
	$session->query(permit($pool, $permits)) foreach 1 .. $permits;
	return $session;
}

# Returns once the session waits for a permit.
sub wait_for_head
{
	my ($node, $session) = @_;

	$node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM advisory_lock.locks'
		  . " WHERE pid = @{[ $session->pid ]} AND blocked_by <> '{}'")
	  or die 'the session does not wait for a permit';
	return;
}

# Waits for the end of one of the sessions, which is in a deadlock, and lets the
# others go on.  Returns their states, the victim's messages and the seconds.
sub resolve
{
	my @sessions = @_;

	my $begun = time;
	my $victim = wait_until { (grep { $_->is_finished } @sessions)[0] } 'a deadlock is found';
	my $seconds = time - $begun;
	my %state = ($victim => $victim->finish_state);
	my $messages = $victim->messages;
	$victim->query($FREE);
	foreach my $other (grep { $_ != $victim } @sessions)
	{
		$state{$other} = $other->finish_state;
		$other->query($FREE);
	}
	return (join(' ', map { $state{$_} } @sessions), $messages, $seconds);
}

foreach my $node (@nodes)
{
	foreach my $permits (1, 2, 3)
	{
		my $what = $node->name . " registry, $permits permits";

		# Whichever begins to wait last.
		foreach my $last ('lock', 'permit')
		{
			my $has_permit = holder_of_all($node, 'p', $permits);
			my $has_lock = session($node);
			$has_lock->query("SELECT advisory_lock.lock('x')");
			if ($last eq 'permit')
			{
				$has_permit->start("SELECT advisory_lock.lock('x')");
				$has_permit->wait_blocked;
				$has_lock->start(permit('p', $permits));
			}
			else
			{
				$has_lock->start(permit('p', $permits));
				wait_for_head($node, $has_lock);
				$has_permit->start("SELECT advisory_lock.lock('x')");
			}
			my ($states, $messages, $seconds) = resolve($has_permit, $has_lock);
			like($states, qr/^(40P01 00000|00000 40P01)$/, "$what, $last last: one is the victim");
			cmp_ok($seconds, '<', 10, sprintf('found in %.1f s', $seconds));
			like($messages, qr/^DETAIL: .* waits for .*blocked by/m, 'with the processes');
			like($messages, qr/^(?:CONTEXT:  )?while acquiring .*"(p#1|x|p)"/m, 'and with names');
			$_->quit foreach $has_permit, $has_lock;
		}

		# Nobody is in the way: a session waits for what it holds itself.
		my $all = holder_of_all($node, 'p', $permits);
		is($all->sqlstate_of(permit('p', $permits)), '40P01', "$what: a session that has them all");
		is($all->query("SELECT advisory_lock.release_permit('p', $permits)"), 't', 'keeps them');
		$all->quit;

		# Two pools.
		my @holders = map { holder_of_all($node, $_, $permits) } 'p', 'q';
		$holders[0]->start(permit('q', $permits));
		wait_for_head($node, $holders[0]);
		$holders[1]->start(permit('p', $permits));
		my ($states) = resolve(@holders);
		like($states, qr/^(40P01 00000|00000 40P01)$/, "$what: through two pools");
		$_->quit foreach @holders;
	}

	# Who is at the head of the queue, and in the way of the one in the deadlock
	# only by that, gets a permit in the end; also if it is the first to look.
	foreach my $permits (1, 2)
	{
		my $has_permits = holder_of_all($node, 'p', $permits);
		my ($head, $has_lock) = map { session($node) } 1 .. 2;
		$has_lock->query("SET deadlock_timeout = '2 s'; SELECT advisory_lock.lock('x')");
		$has_permits->query("SET deadlock_timeout = '1 h'");
		$head->start(permit('p', $permits));
		wait_for_head($node, $head);
		$has_lock->start(permit('p', $permits));
		$has_permits->start("SELECT advisory_lock.lock('x')");
		is($has_lock->finish_state, '40P01', "of $permits permits: the second in the queue is the victim");
		$has_lock->query($FREE);
		$has_permits->finish;
		$has_permits->query($FREE);
		is($head->finish_state, '00000', 'and not the first');
		$_->quit foreach $has_permits, $head, $has_lock;
	}

	# Limits that differ: the second in the queue is content with a permit that
	# the first does not look at, and the first waits for what the second holds.
	my ($small, $large, $busy) = map { session($node) } 1 .. 3;
	$large->query(permit('p', 1));
	$small->query("SET deadlock_timeout = '1 h'");
	$small->start(permit('p', 1));
	wait_for_head($node, $small);
	$large->start(permit('p', 3));
	is($large->finish_state, '00000', 'limits of 1 and 3: the second gets what is free');
	$large->query($FREE);
	is($small->finish_state, '00000', '... and the first what the second held');
	$_->query($FREE) foreach $small, $large;

	$small->query("RESET deadlock_timeout; SELECT advisory_lock.lock('x')");
	$large->query(permit('p', 1));
	$busy->query(permit('p', 2));
	$small->start(permit('p', 2));
	wait_for_head($node, $small);
	$busy->start("SELECT advisory_lock.lock('x')");
	$large->start(permit('p', 3));
	is($large->finish, 3, 'limits of 2 and 3: the same');
	$large->query($FREE);
	is($small->finish_state, '00000', '... although another waits for the first');
	$small->query($FREE);
	is($busy->finish_state, '00000', '... which goes on');
	$_->quit foreach $small, $large, $busy;

	# The deadlock is somebody else's, who will find it later.
	my @holders = map { session($node) } 1 .. 2;
	my $waiter = session($node);
	foreach my $i (0, 1)
	{
		$holders[$i]->query("SET deadlock_timeout = '2 s'");
		$holders[$i]->query(permit('p', 2));
		$holders[$i]->query("SELECT advisory_lock.lock('lock $i')");
	}
	foreach my $i (0, 1)
	{
		$holders[$i]->start("SELECT advisory_lock.lock('lock @{[ 1 - $i ]}')");
		$holders[$i]->wait_blocked;
	}
	$waiter->query("SET deadlock_timeout = '1 ms'");
	$waiter->start(permit('p', 2));
	my ($states) = resolve(@holders);
	like($states, qr/^(40P01 00000|00000 40P01)$/, 'a deadlock among the holders');
	is($waiter->finish_state, '00000', 'is not blamed on who waits for a permit');
	$_->quit foreach @holders, $waiter;

	# Who waits, and for whom.
	my @three = map { session($node) } 1 .. 3;
	$_->query(permit('p', 3)) foreach @three;
	my ($first, $second) = map { session($node) } 1 .. 2;
	$first->start(permit('p', 3));
	wait_for_head($node, $first);
	$second->start(permit('p', 3));
	$second->wait_blocked;
	is( $node->safe_psql('postgres', 'SELECT string_agg(DISTINCT b::text, $$ $$ ORDER BY b::text)'
			  . ' FROM advisory_lock.locks, unnest(blocked_by) AS b WHERE pid = ' . $first->pid),
		join(' ', sort map { $_->pid } @three),
		'the first is blocked by the holders of all permits');
	is($node->safe_psql('postgres', 'SELECT blocked_by FROM advisory_lock.locks WHERE pid = ' . $second->pid),
		'{' . $first->pid . '}', 'the second by the first');
	$three[1]->query($FREE);
	is($first->finish, 2, 'who gets the permit that is released first');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE objsubid > 2 AND pid = ' . $first->pid),
		0, 'and leaves no mark behind');
	$three[0]->query($FREE);
	is($second->finish, 1, 'and then the second');
	$_->quit foreach @three, $first, $second;
}

# Under load: everybody waits for everybody, but always in one order.
foreach my $node (@nodes)
{
	my @sessions = map { session($node) } 1 .. 12;
	$_->query("SET deadlock_timeout = '1 ms'") foreach @sessions;
	$_->start(<<'EOT') foreach @sessions;
DO $$
DECLARE
	token bigint;
	p integer;
	q integer;
BEGIN
	FOR i IN 1 .. 25 LOOP
		CALL advisory_lock.acquire('p', NULL, false, 3, token, p);
		CALL advisory_lock.acquire('q', NULL, false, 2, token, q);
		PERFORM advisory_lock.lock('x');
		PERFORM pg_sleep(0.005 * random());
		PERFORM advisory_lock.unlock('x'), advisory_lock.release_permit('q', q),
			advisory_lock.release_permit('p', p);
	END LOOP;
END
$$
EOT
	is(join(' ', map { $_->finish_state } @sessions), join(' ', ('00000') x 12),
		'no deadlock is seen where there is none: ' . $node->name);
	$_->quit foreach @sessions;
}

done_testing();
