# Copyright (c) 2026 the advisory_lock authors
#
# Whatever a session does with a lock, by our functions and by core's: after
# every acquire its token is newer than those of all who can have held the lock
# before.  So a re-entrant acquire has the old token only if nobody can have
# had the lock in between.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $RANDOM_WALKS = 60;
my $STEPS = 12;

my $node = start_node('main');
my $other = session($node);
my $keys = $other->query("SELECT key1 || ', ' || key2 FROM advisory_lock.key('k')");

# What the session can do.  Those that acquire by us are checked.
my %step = (
	lock => "SELECT advisory_lock.lock('k')",
	lock_shared => "SELECT advisory_lock.lock_shared('k')",
	try_lock => "SELECT advisory_lock.try_lock('k')",
	try_lock_shared => "SELECT advisory_lock.try_lock_shared('k')",
	lock_many => "SELECT advisory_lock.lock_many(ARRAY['k', 'l'])",
	xact_lock => "SELECT advisory_lock.xact_lock('k')",
	xact_lock_shared => "SELECT advisory_lock.xact_lock_shared('k')",
	unlock => "SELECT advisory_lock.unlock('k')",
	unlock_shared => "SELECT advisory_lock.unlock_shared('k')",
	unlock_all => 'SELECT advisory_lock.unlock_all()',
	raw => "SELECT pg_advisory_lock($keys)",
	raw_shared => "SELECT pg_advisory_lock_shared($keys)",
	raw_xact => "SELECT pg_advisory_xact_lock($keys)",
	raw_xact_shared => "SELECT pg_advisory_xact_lock_shared($keys)",
	raw_unlock => "SELECT pg_advisory_unlock($keys)",
	raw_unlock_shared => "SELECT pg_advisory_unlock_shared($keys)",
	raw_unlock_all => 'SELECT pg_advisory_unlock_all()',
	discard => 'DISCARD ALL',
	begin => 'BEGIN',
	commit => 'COMMIT',
	rollback => 'ROLLBACK',
	savepoint => 'SAVEPOINT s',
	rollback_to => 'ROLLBACK TO s',
	release => 'RELEASE s');

# Those that were thought of.
my @walks = map { [split] } (
	'lock lock unlock lock',
	'lock_shared raw lock',
	'lock_shared raw lock unlock lock',
	'lock_shared raw_shared raw lock_shared lock lock_shared',
	'raw lock_shared lock lock_shared raw_unlock lock',
	'raw_shared lock raw_unlock lock lock_shared',
	'lock raw_unlock raw lock lock_shared',
	'lock raw_unlock raw lock_shared unlock raw_unlock lock_shared',
	'lock_shared raw_unlock_shared raw_shared lock_shared lock',
	'lock lock raw_unlock lock raw_unlock raw_unlock raw lock',
	'lock lock_shared raw_unlock lock_shared lock',
	'lock lock_shared raw_unlock raw lock raw_unlock_shared lock_shared',
	'lock discard raw lock',
	'lock raw_unlock_all raw lock_shared lock',
	'raw lock unlock_all raw_unlock raw lock',
	'lock raw unlock raw_unlock raw lock',
	'lock raw unlock lock',
	'begin xact_lock commit raw lock',
	'begin xact_lock rollback raw lock',
	'begin savepoint xact_lock rollback_to raw lock commit',
	'begin savepoint xact_lock rollback_to raw_xact xact_lock commit',
	'begin savepoint xact_lock_shared rollback_to raw_xact_shared xact_lock_shared xact_lock commit',
	'begin savepoint xact_lock release raw xact_lock commit lock',
	'begin xact_lock savepoint lock rollback_to lock commit lock',
	'begin savepoint lock rollback_to raw_unlock raw_xact xact_lock rollback',
	'begin xact_lock_shared raw_xact xact_lock commit',
	'raw_shared begin xact_lock rollback lock_shared lock',
	'lock begin xact_lock raw_unlock commit raw lock',
	'try_lock raw_unlock raw try_lock try_lock_shared',
	'lock_many raw_unlock raw lock_many',
	'lock_many lock_many unlock raw_unlock raw lock_many');

# One at random, which the server would not refuse.
sub random_walk
{
	my ($in_transaction, $savepoint, @walk) = (0, 0);

	while (@walk < $STEPS)
	{
		my $name = (sort keys %step)[ rand keys %step ];
		next if $name =~ /^(begin|discard)$/ && $in_transaction;
		next if $name =~ /^(commit|rollback|savepoint|.*xact.*)$/ && !$in_transaction;
		next if $name =~ /^(rollback_to|release)$/ && !$savepoint;
		next if $name eq 'savepoint' && $savepoint;
		$in_transaction = 1 if $name eq 'begin';
		$in_transaction = $savepoint = 0 if $name =~ /^(commit|rollback)$/;
		$savepoint = 1 if $name eq 'savepoint';
		$savepoint = 0 if $name eq 'release';
		push @walk, $name;
	}
	return \@walk;
}

# The other session takes the lock if it can be had, and gives it back: the
# tokens that it got exclusively and in shared mode, or empty.
sub probe
{
	return split /\n/, $other->query(<<'EOT'), -1;
SELECT CASE WHEN advisory_lock.try_lock('k') THEN advisory_lock.token('k') END;
DO $$ BEGIN IF advisory_lock.token('k') > 0 THEN PERFORM advisory_lock.unlock('k'); END IF; END $$;
SELECT CASE WHEN advisory_lock.try_lock_shared('k') THEN advisory_lock.token('k') END;
DO $$ BEGIN IF advisory_lock.token('k') > 0 THEN PERFORM advisory_lock.unlock_shared('k'); END IF; END $$;
SELECT '-'
EOT
}

my ($checked, $reentrant) = (0, 0);

# What is wrong with a walk, or nothing.
sub trouble_on
{
	my ($session, $walk) = @_;
	my ($newest_exclusive, $newest, $previous) = (0, 0, 0);

	foreach my $i (0 .. $#$walk)
	{
		my $name = $walk->[$i];
		my @rows = split /\n/,
		  $session->query("$step{$name}; SELECT coalesce(advisory_lock.token('k'), 0)");
		my $token = pop @rows;
		my $at = "token $token after step $i of @$walk";

		# Others are older: all if it is exclusive, else those that were.
		if ($name =~ /^(try_|xact_)?lock/)
		{
			$checked++;
			$reentrant++ if $token == $previous;
			return "returned $rows[0], but $at" if $rows[0] =~ /^\d+$/ && $rows[0] != $token;
			return "$at, but another had $newest" if $name !~ /shared/ && $token <= $newest;
		}
		return "$at, but another had $newest_exclusive"
		  if $token != 0 && $token <= $newest_exclusive
		  || $token == 0 && $name =~ /^(try_|xact_)?lock/;
		$previous = $token;

		my ($exclusive, $shared) = probe();
		$newest_exclusive = $newest = $exclusive if $exclusive ne '';
		$newest = $shared if $shared ne '';
	}
	return;
}

sub trouble
{
	my ($walk) = @_;
	my $session = session($node);
	my $pid = $session->pid;
	my $trouble = trouble_on($session, $walk);

	# what it holds must not be in the way of the next
	$session->quit;
	wait_until { $other->query("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' } 'the session is gone';
	return $trouble;
}

is(trouble($_), undef, "@$_") foreach @walks;

my $seed = $ENV{ADVISORY_LOCK_SEED} // srand;
srand $seed;
my @troubles = grep { defined } map { trouble(random_walk()) } 1 .. $RANDOM_WALKS;
is("@troubles", '', "$RANDOM_WALKS random walks, seed $seed");
cmp_ok($checked, '>', 200, "$checked acquires");
cmp_ok($reentrant, '>', 20, "$reentrant of which had the token they had before");

# The ordinary way of being re-entrant, in which nobody can have had it.
my $session = session($node);
is( $session->query(<<'EOT'), 't|t|t', 'the same token as long as it is held');
SELECT advisory_lock.lock('k') = advisory_lock.lock('k'),
	advisory_lock.lock_shared('k') = advisory_lock.xact_lock('k'),
	advisory_lock.unlock('k') AND advisory_lock.lock('k') = advisory_lock.token('k')
EOT
$_->quit foreach $session, $other;

done_testing();
