# Copyright (c) 2026 the advisory_lock authors
#
# No fencing token comes back after a crash, though the record that covers it
# may have been written by a transaction that is still open.  A sequence of
# core's does come back in the same crashes; that shows that they are apt to
# lose something.  PG_TEST_EXTRA=stops stops each of the servers 300 times
# within 300 ms of an acquire, which takes minutes.

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(sleep time);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

# Nothing but an acquire shall bring WAL to disk.
my $conf = <<'EOT';
autovacuum = off
wal_writer_delay = 10s
restart_after_crash = on
EOT

# How a job acquires its lock, by turns.
my @acquires = (
	"SELECT advisory_lock.lock('job')",
	"BEGIN; SELECT advisory_lock.lock('job')",
	"SET synchronous_commit = off; SELECT advisory_lock.lock('job')",
	"BEGIN; SELECT advisory_lock.lock('job'); ROLLBACK",
	"BEGIN READ ONLY; SELECT advisory_lock.xact_lock('job')",
	"CALL advisory_lock.acquire('job')");

# A stop that comes later than this after the acquire does not count.
my $LATEST = 0.3;
my $latest_seen = 0;

# Ways to crash, given the server, the time of the acquire and the process IDs
# of the server's sessions.  They return whether it was soon enough.
my %crash = (
	'an immediate stop' => sub {
		my ($node, $acquired) = @_;

		# What pg_ctl sends, without the time that it takes to begin.
		sleep rand 0.2;
		kill 'QUIT', $node->{_pid};
		my $after = time - $acquired;
		$node->stop('immediate', fail_ok => 1);
		wait_until { $node->start(fail_ok => 1) } 'the server starts';
		$latest_seen = $after if $after > $latest_seen && $after <= $LATEST;
		return $after <= $LATEST;
	},
	'kill -9 of a backend' => sub {
		my ($node, undef, @pids) = @_;

		kill 'KILL', $pids[0];
		wait_until_gone(@pids);
		wait_until_up($node);
		return 1;
	},
	'kill -9 of the server' => sub {
		my ($node, undef, @pids) = @_;

		$node->kill9;
		# They keep the shared memory, in whose presence no server starts.
		wait_until_gone(@pids);
		wait_until { $node->start(fail_ok => 1) } 'the server starts';
		return 1;
	});

sub wait_until_gone
{
	my @pids = @_;

	wait_until { !kill 0, @pids } 'the sessions end';
	return;
}

# Leaves a transaction open that has drawn a token, and a value of core's
# sequence; draws another of both; crashes.  Returns the tokens and the values
# that were seen, and whether the crash counts.
sub crash_round
{
	my ($node, $crash, $acquire) = @_;

	$node->safe_psql('postgres', 'CHECKPOINT');
	my ($open, $job) = (session($node), session($node));
	my @tokens = $open->query("BEGIN; SELECT advisory_lock.lock('other')");
	my @values = $open->query("SELECT nextval('core')");
	push @values, $job->query("SELECT nextval('core')");
	push @tokens, $job->query($acquire) =~ /^(\d+)/;
	my $counts = $crash->($node, time, $open->pid, $job->pid);
	$_->quit foreach $open, $job;
	return (\@tokens, \@values, $counts);
}

# How many of the numbers are not above all before them.
sub setbacks
{
	my ($highest, $setbacks) = (0, 0);

	foreach my $number (@_)
	{
		if ($number > $highest) { $highest = $number; }
		else { $setbacks++; }
	}
	return $setbacks;
}

sub crash_rounds
{
	my ($node, $how, $rounds) = @_;
	my ($round, $crashes, @tokens, @values) = (0, 0);

	while ($crashes < $rounds && $round < 2 * $rounds)
	{
		my ($tokens, $values, $counts) =
		  crash_round($node, $crash{$how}, $acquires[ ++$round % @acquires ]);
		push @tokens, @$tokens;
		push @values, @$values;
		$crashes++ if $counts;
	}
	push @tokens, $node->safe_psql('postgres', "SELECT advisory_lock.lock('job')");

	my $name = $node->name . ", $rounds times $how";
	is($crashes, $rounds, "$name: as many in time");
	is(scalar @tokens, 2 * $round + 1, "$name: there are tokens");
	is(setbacks(@tokens), 0, "$name: every token is above all before");
	my $fallen = setbacks(@values);
	cmp_ok($fallen, '>', 0, "$name: core's nextval() falls back");
	note sprintf "| %s: %d tokens rose, %d values of core's sequence did not", $name, scalar @tokens, $fallen;
	return;
}

my $stops = ($ENV{PG_TEST_EXTRA} // '') =~ /\bstops\b/ ? 300 : 20;

# With the registry and without, where that is to be chosen.
foreach my $preload (0, 1)
{
	my $node = start_node("preload_$preload", preload => $preload, conf => $conf);
	$node->safe_psql('postgres', 'CREATE SEQUENCE core');
	crash_rounds($node, 'an immediate stop', $stops);
	crash_rounds($node, 'kill -9 of a backend', 4);
	crash_rounds($node, 'kill -9 of the server', 4);
	$node->stop;
}
note sprintf "| the latest stop came %.3f s after an acquire", $latest_seen;

done_testing();
