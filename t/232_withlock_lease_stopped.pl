# Copyright (c) 2026 the advisory_lock authors
#
# A withlock that was stopped, by a person or for being slow, asks the server
# before its command does a step: what it knew of its lease may be out of date.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
$ENV{WITHLOCK_DB} = conninfo($node);

sub beats { return () = slurp_file("$directory/$_[0]") =~ /\n/g; }

# One process: a shell that is about to start another cannot be stopped.
sub start_beating
{
	my ($name) = @_;

	append_to_file("$directory/$name", '');
	my $beat = 'until (-e "$ARGV[0].enough") { open my $log, ">>", $ARGV[0]; syswrite $log, "\n"; select undef, undef, undef, 0.02 }';
	my $job = start_withlock($name, '--lease', '60s', '--', $^X, '-e', $beat, "$directory/$name");
	$job->wait_command;
	wait_until { beats($name) } 'the command is at work';
	$job->{command} = command_under($job->pid);
	return $job;
}

sub stop_both
{
	my ($job) = @_;

	kill 'STOP', $job->pid, -$job->{command};
	wait_until { process_state($_) eq 'T' } 'a process is stopped' foreach $job->pid, $job->{command};
}

# --- The lease was ended meanwhile, long before it was to be renewed

my $ended = start_beating('ended');
stop_both($ended);
my $before = beats('ended');
is(withlock('--kill', 'ended')->status, 0, 'the lease is ended while its holder is stopped');
my $next = withlock('ended', '-n', '--lease', '10s', 'echo', 'next');
is($next->stdout, "next\n", '... and another has the name');
kill 'CONT', $ended->pid;
is($ended->wait, 74, 'continued, it learns that the lease is lost');
like($ended->stderr, qr/lock "ended" is lost: the lease was ended, .*; killing the command$/m, '... and says so');
is(beats('ended'), $before, '... before the command does a step');

# --- The lease is held: the command goes on

my $held = start_beating('held');
stop_both($held);
$before = beats('held');
kill 'CONT', $held->pid;
wait_until { beats('held') > $before } 'a command goes on under a lease that is held';
append_to_file("$directory/held.enough", '');
is($held->wait, 0, '... to its end');

# --- Stopped between the lease and the command

my $left = "SELECT count(*) FROM advisory_lock.leases WHERE name = 'start' AND expires_at < clock_timestamp() + interval '1 s'";
my $blocker = session($node);
$blocker->query('BEGIN; LOCK TABLE advisory_lock.runs IN ACCESS EXCLUSIVE MODE');
my $start = start_withlock('start', '--lease', '4s', '--grace', '0', '--once-per', '1h', '--', 'sh', '-c',
	"sleep 1.5; echo done");
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE relation = \'advisory_lock.runs\'::regclass AND NOT granted') }
  'it asks whether it is due';
kill 'STOP', $start->pid;
$blocker->query('COMMIT');
wait_until { $node->safe_psql('postgres', $left) } 'most of the lease is over';
kill 'CONT', $start->pid;
is($start->wait, 0, 'a command that starts late has the whole of a lease that was renewed');
is($start->stdout, "done\n", '... and ends by itself');

done_testing();
