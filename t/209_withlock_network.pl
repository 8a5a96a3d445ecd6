# Copyright (c) 2026 the advisory_lock authors
#
# A network that is cut: two namespaces and a veth pair, as two machines with
# a cable.  The command must be dead before the server frees the lock.

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::PrivateNetwork;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $missing = missing_program('ip', 'nsenter');
plan skip_all => "$missing is not installed" if $missing;
$ENV{PATH} .= ':/usr/sbin:/sbin';

# As many as can run at once, each cut at another moment.
my $RUNS = 20;

# The other machine is a process with a network of its own.
my $machine = start_program({}, 'unshare', '--net', 'sleep', '1000');
my @there = ('nsenter', '--target', $machine->pid, '--net');
wait_until
{
	my $ours = readlink '/proc/self/ns/net';
	my $theirs = readlink '/proc/' . $machine->pid . '/ns/net';
	$theirs && $theirs ne $ours;
}
'the other machine is there';

sub ip { return system_or_bail('ip', @_); }

# A cable of its own for each run, so that they are cut one by one.
sub plug
{
	my ($number) = @_;

	ip('link', 'add', "here$number", 'type', 'veth', 'peer', 'name', "there$number", 'netns', $machine->pid);
	ip('addr', 'add', "10.9.$number.1/24", 'dev', "here$number");
	ip('link', 'set', "here$number", 'up');
	system_or_bail(@there, 'ip', 'addr', 'add', "10.9.$number.2/24", 'dev', "there$number");
	system_or_bail(@there, 'ip', 'link', 'set', "there$number", 'up');
	return;
}

sub cut
{
	my ($number) = @_;

	ip('link', 'set', "here$number", 'down');
	return;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
configure_registry($node);
$node->append_conf('postgresql.conf', "listen_addresses = '*'\nmax_connections = 100");
$node->append_conf('pg_hba.conf', 'host all all 10.9.0.0/16 trust');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION advisory_lock');
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub address
{
	my ($number) = @_;

	return "host=10.9.$number.1 port=" . $node->port . " user=$user dbname=postgres";
}

sub withlock_there
{
	my ($number, $name, @command) = @_;

	return start_withlock({ wrapper => \@there }, $name, '--db', address($number), '--lock-delay', '0', @command);
}

plug($_) foreach 1 .. $RUNS + 1;

# --- Holders that are cut off.  The command does not end by TERM: the worst
# case.  It says when it had TERM and when it lived, by its own clock, so that
# nothing depends on how soon somebody looks.

my @beating = ($^X, '-MTime::HiRes=time,sleep', '-e', <<'EOT');
$| = 1;
$SIG{TERM} = sub { print "told ", time, "\n" };
print "ready\n";
while (1) { print "beat ", time, "\n"; sleep 0.05; }
EOT

my @runs = map {
	{ number => $_,
		holder => withlock_there($_, "job$_", '--grace', '5s', '--', @beating) }
} 1 .. $RUNS;
foreach my $run (@runs)
{
	$run->{holder}->wait_output(qr/ready/);
	$run->{command} = $run->{holder}->wait_command;
}

# A waiter for each on this side: when it gets the lock, the server has freed it.
foreach my $run (@runs)
{
	$run->{waiter} = start_withlock("job$run->{number}", '--db', conninfo($node), '--lock-delay', '0',
		'--', $^X, '-MTime::HiRes=time', '-e', 'print time, "\n"');
}
wait_until
{
	$node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq $RUNS;
}
'all wait';

# A waiter whose machine vanishes: behind somebody on this side.
my $first = session($node);
$first->query("SELECT advisory_lock.lock('queue')");
my $vanished = withlock_there($RUNS + 1, 'queue', '--', 'echo', 'granted');
wait_until
{
	$node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq $RUNS + 1;
}
'the one that will vanish waits';

# What has become of the commands and of the locks so far.
sub look
{
	foreach my $run (@runs)
	{
		$run->{dead} //= time if $run->{cut} && !kill 0, $run->{command};
		$run->{freed} //= $1 if $run->{waiter}->stdout =~ /(\S+)/;
	}
	select undef, undef, undef, 0.02;
	return;
}

# Cut at moments spread over the time between two checks.
foreach my $run (@runs)
{
	cut($run->{number});
	$run->{cut} = time;
	look() while time - $run->{cut} < 10 / $RUNS;
}
cut($RUNS + 1);
look() while grep { (!$_->{dead} || !$_->{freed}) && time - $_->{cut} < 60 } @runs;

my @overlaps = grep { !$_->{dead} || !$_->{freed} || $_->{dead} > $_->{freed} } @runs;
is(scalar @overlaps, 0, "the command is dead before the server frees the lock, in $RUNS of $RUNS runs");
foreach my $run (@runs)
{
	note sprintf 'run %d: dead after %.1f s, freed after %.1f s', $run->{number},
	  ($run->{dead} // 0) - $run->{cut}, ($run->{freed} // 0) - $run->{cut};
}

# How late this machine is, at worst: what sleeps for 0.05 s.
my $late = 0;
foreach my $run (@runs)
{
	my @beats = $run->{holder}->stdout =~ /^beat (\S+)$/mg;

	foreach (1 .. $#beats)
	{
		my $gap = $beats[$_] - $beats[ $_ - 1 ];
		$late = $gap if $gap > $late;
	}
	$run->{beat} = $beats[-1];
	($run->{told}) = $run->{holder}->stdout =~ /^told (\S+)$/m;
}
note sprintf 'the machine is late by %.2f s', $late;
is(scalar(grep { !$_->{told} || $_->{told} - $_->{cut} > 10 + $late } @runs), 0, 'the cut is noticed within 10 s')
  or diag map { sprintf "%.2f ", ($_->{told} // 0) - $_->{cut} } @runs;
is(scalar(grep { $_->{told} && $_->{beat} - $_->{told} > 5 + $late } @runs), 0, '... and the grace is 5 s')
  or diag map { sprintf "%.2f ", $_->{beat} - ($_->{told} // 0) } @runs;
is(scalar(grep { $_->{holder}->wait ne 74 } @runs), 0, '74 each time');

# --- The waiter that vanished is never granted

wait_until
{
	$node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '0';
}
'the server has noticed that the waiter vanished';
$first->query("SELECT advisory_lock.unlock('queue')");
is($node->safe_psql('postgres', "SELECT advisory_lock.is_locked('queue')"), 'f',
	'a waiter whose machine vanished is not granted');
is($vanished->wait, 69, '... and notices on its side');
is($vanished->stdout, '', '... without running the command');

# --- A black hole from the start: the deadline holds

plug($RUNS + 2);
cut($RUNS + 2);
foreach my $timeout (0.5, 1.5)
{
	my $begin = time;
	my $ended = start_withlock({ wrapper => \@there }, 'x', '--db', "host=10.9.${\ ($RUNS + 2)}.1 user=$user dbname=postgres",
		'-t', $timeout, 'true');
	$ended->wait;
	is($ended->status, 69, "-t $timeout against a black hole: 69");
	cmp_ok($ended->seconds - $timeout, '<', 4, sprintf '... after %.2f s', $ended->seconds);
}

kill 'KILL', $machine->pid;
done_testing();
