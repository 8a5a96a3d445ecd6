# Copyright (c) 2026 the advisory_lock authors
#
# Signals: passed on to the command once, ending a wait, ignored as before.

use strict;
use warnings FATAL => 'all';

use Config;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# A command that counts each signal it gets, by its number.
my $counter = <<'EOT';
use strict;
use Config;
my %count;
my @numbers = split ' ', $Config{sig_num};
my @names = split ' ', $Config{sig_name};
$| = 1;
foreach my $i (0 .. $#names)
{
	my $name = $names[$i];
	next if $name =~ /^(ZERO|KILL|STOP|CHLD|CLD|NUM32|NUM33|SEGV|BUS|FPE|ILL)$/;
	$SIG{$name} = sub { print "got $numbers[$i]\n"; };
}
print "ready\n";
sleep 1 while 1;
EOT
my @counter = ($^X, '-e', $counter);

# W04: each signal that can be caught reaches the command once.
my @names = split ' ', $Config{sig_name};
my @numbers = split ' ', $Config{sig_num};
my %number;
@number{@names} = @numbers;
my $running = start_withlock('signals', '--', @counter);
$running->wait_output(qr/ready/);
my @wrong;
my $tried = 0;
foreach my $name (@names)
{
	# CHLD concerns withlock alone
	next if $name =~ /^(ZERO|KILL|STOP|CHLD|CLD|NUM32|NUM33|SEGV|BUS|FPE|ILL|IOT|POLL|UNUSED)$/;
	$tried++;
	kill $number{$name}, $running->pid;
	$running->wait_output(qr/got $number{$name}\n/);
}
cmp_ok($tried, '>', 50, 'many kinds of signals were sent');
# One more, after which all that came before must have been counted.
kill 'USR1', $running->pid;
wait_until { (() = $running->stdout =~ /got $number{USR1}\n/g) == 2 } 'the last signal has come';
my @got = $running->stdout =~ /got (\d+)\n/g;
is(scalar @got, $tried + 1, 'each signal reaches the command once');
my $command = $running->wait_command;
kill 'KILL', $command;
is($running->wait, 128 + 9, 'the status is that of the command');

# TERM, the exact contract: once, and the command's status.
my $script = 'trap "echo term; n=1" TERM; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.3; exit 3';
$running = start_withlock('signals', '--', 'sh', '-c', $script);
$running->wait_output(qr/ready/);
kill 'TERM', $running->pid;
is($running->wait, 3, 'TERM: the command decides on the status');
is($running->stdout, "ready\nterm\n", '... and got it exactly once');

# The whole process group of the command gets it, withlock's does not.
$running = start_withlock('signals', '--', 'sh', '-c', 'sleep 60 & echo $!; wait');
$running->wait_output(qr/^\d+$/m);
my ($grandchild) = $running->stdout =~ /(\d+)/;
kill 'TERM', $running->pid;
is($running->wait, 128 + 15, 'the command ended by TERM');
wait_until { !kill 0, $grandchild } 'the command\'s own child has ended';
pass('the process group of the command got it');

# A signal to the process group of withlock reaches the command once as well.
$running = start_withlock({ in_child => sub { setpgrp 0, 0; } },
	'signals', '--', 'sh', '-c', $script);
$running->wait_output(qr/ready/);
kill '-TERM', $running->pid;
is($running->wait, 3, 'TERM to the process group of withlock');
is($running->stdout, "ready\nterm\n", '... is not doubled');

# A service manager that ends a whole control group signals all processes there
# are, in any order: the command hears of it, and withlock ends in order.
foreach my $order (sub { @_ }, sub { reverse @_ })
{
	$running = start_withlock('signals', '-v', '--', 'sh', '-c', $script);
	$running->wait_output(qr/ready/);
	my @all = $order->($running->pid, children_of($running->pid));
	cmp_ok(scalar @all, '>', 2, 'withlock, its helpers and the command');
	kill 'TERM', @all;
	is($running->wait, 3, 'TERM to all of them: the command decides on the status');
	like($running->stdout, qr/\Aready\n(term\n){1,2}\z/, '... and got it from whom it came, and from withlock');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: signals'"),
		0, '... and the session has ended');
}

# --- While waiting

my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('busy')");

sub wait_in_queue
{
	wait_until
	{
		$node->safe_psql('postgres',
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0;
	}
	'somebody waits';
	return;
}

sub wait_queue_empty
{
	wait_until
	{
		$node->safe_psql('postgres',
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0;
	}
	'nobody waits';
	return;
}

foreach my $signal ('INT', 'TERM', 'HUP', 'USR1')
{
	my $waiter = start_withlock('busy', '--', 'echo', 'run');
	wait_in_queue();
	my $begin = Time::HiRes::time();
	kill $signal, $waiter->pid;
	# of INT it dies itself, so that a shell's loop ends, too
	is($waiter->wait, $signal eq 'INT' ? 'signal 2' : 128 + $number{$signal},
		"$signal ends a wait with 128 + n");
	is($waiter->stdout, '', '... and the command is not run');
	wait_queue_empty();
	cmp_ok(Time::HiRes::time() - $begin, '<', 5, '... and the place in the queue is free');
}

# A signal that does nothing by default
my $waiter = start_withlock('busy', '--', 'echo', 'run');
wait_in_queue();
kill $_, $waiter->pid foreach 'WINCH', 'URG', 'CONT', 'CHLD';
kill 'STOP', $waiter->pid;
wait_until { process_state($waiter->pid) eq 'T' } 'withlock is stopped';
kill 'CONT', $waiter->pid;
wait_until { process_state($waiter->pid) eq 'S' } 'withlock goes on';
$holder->query("SELECT advisory_lock.unlock('busy')");
is($waiter->wait, 0, 'WINCH, URG, CONT and a stop do not end a wait');
is($waiter->stdout, "run\n", '... and it is granted');

# While connecting: a server that accepts and says nothing
require IO::Socket::UNIX;
my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $listener = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.5000", Listen => 5)
  or die "could not listen: $!";
my $connecting = start_withlock('x', '--db', "host=$directory port=5000", 'true');
my $accepted = $listener->accept;
kill 'TERM', $connecting->pid;
is($connecting->wait, 128 + 15, 'TERM while connecting');
close $accepted;

# Signals that were ignored at the start stay so: nohup(1)
$holder->query("SELECT advisory_lock.lock('busy')");
$waiter = start_withlock({ in_child => sub { $SIG{HUP} = 'IGNORE'; } },
	'busy', '--', 'sh', '-c', 'kill -HUP $$; echo alive');
wait_in_queue();
kill 'HUP', $waiter->pid;
$holder->query("SELECT advisory_lock.unlock('busy')");
is($waiter->wait, 0, 'an ignored HUP does not end the wait');
is($waiter->stdout, "alive\n", '... nor the command');

# A parent that ignores SIGCHLD, as some daemons do
is(withlock({ in_child => sub { $SIG{CHLD} = 'IGNORE'; } }, 'x', '--', 'sh', '-c', 'exit 7')->status,
	7, 'the status is known though SIGCHLD was ignored');

# Many signals at once, while commands come and go
my $lost = 0;
foreach my $i (1 .. 50)
{
	$running = start_withlock('storm', '--', 'sh', '-c', 'trap "exit 9" TERM; while :; do sleep 0.01; done');
	$running->wait_command;
	kill 'WINCH', $running->pid foreach 1 .. 20;
	# the shell may not have its trap yet
	kill 'TERM', $running->pid;
	$lost++ unless grep { $running->wait eq $_ } 9, 128 + 15;
}
is($lost, 0, 'no end of a command is missed in a storm of signals');

done_testing();
