# Copyright (c) 2026 the advisory_lock authors
#
# withlock alone is stopped, and its command is not: the command does not
# outlive the lock all the same.  What sees to that costs nobody anything.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use AdvisoryLock::Client;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

# Ignores TERM, and says when it lived.
my @stubborn = ($^X, '-MTime::HiRes=time,sleep', '-e',
	'$| = 1; $SIG{TERM} = sub { print "told\n" }; while (1) { print "alive ", time, "\n"; sleep 0.02; }');

# Each has a lock of its own, which nobody else's delay keeps off.
my $lock = 'a';

sub start_stubborn
{
	my $running = start_withlock(++$lock, @_, '--', @stubborn);

	$running->wait_output(qr/alive/);
	return $running;
}

sub stop_withlock
{
	my ($running) = @_;

	kill 'STOP', $running->pid;
	wait_until { process_state($running->pid) eq 'T' } 'withlock is stopped';
	return;
}

sub end_session
{
	$node->safe_psql('postgres',
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: $lock'");
	return;
}

# What watches: a copy of withlock in a process group of its own.
sub guard_of
{
	my ($running) = @_;
	my $pid = $running->pid;

	return wait_until
	{
		(grep { (slurp_file("/proc/$_/comm") // '') eq "withlock-guard\n" } children_of($pid))[0];
	}
	'the guard is there';
}

# The next holder begins when the command of the stopped one has ended
my $running = start_stubborn('--grace', '1s');
my $command = $running->wait_command;
stop_withlock($running);
end_session();
my $next = withlock($lock, '--', $^X, '-MTime::HiRes=time', '-e', 'print time');
is($next->status, 0, 'withlock is stopped, its session is ended, and another one holds the lock');
my ($last) = $running->stdout =~ /.*alive (\S+)\n/s;
cmp_ok($last, '<', $next->stdout, '... after the end of the command');
is(process_state($command), 'Z', '... which has been killed');
unlike($running->stdout, qr/told/, '... without a word');
kill 'CONT', $running->pid;
is($running->wait, 74, '... and 74 is the status when withlock goes on');
like($running->stderr, qr/\Awithlock: lock "$lock" is lost: [^\n]*terminat[^\n]*\n\z/, '... and the reason is said');

# By each way to hold it that has no delay
foreach my $case (['--on-lost', 'kill'], ['--lock-delay', '0'], ['--transaction'])
{
	$running = start_stubborn(@$case);
	$command = $running->wait_command;
	stop_withlock($running);
	end_session();
	wait_until { process_state($command) eq 'Z' } 'the command has ended';
	kill 'CONT', $running->pid;
	is($running->wait, 74, "@$case: the command does not outlive the lock of a stopped withlock");
}

# A command that has left its process group
$running = start_withlock(++$lock, '--lock-delay', '0', '--', $^X, '-e',
	'$| = 1; setpgrp 0, getpgrp getppid or die; print "ready\n"; sleep 1 while 1');
$running->wait_output(qr/ready/);
$command = $running->wait_command;
stop_withlock($running);
end_session();
wait_until { process_state($command) eq 'Z' } 'the command has ended';
kill 'CONT', $running->pid;
is($running->wait, 74, 'nor does one that has left its process group');

# With --keep, it starts again
$running = start_stubborn('--keep', '--lock-delay', '0');
$command = $running->wait_command;
stop_withlock($running);
end_session();
wait_until { process_state($command) eq 'Z' } 'the command has ended';
kill 'CONT', $running->pid;
my $again = wait_until { my $pid = command_under($running->pid); $pid && $pid != $command ? $pid : undef } 'it is started again';
kill 'KILL', $again;
is($running->wait, 128 + 9, '--keep: the command is started again, and its status is its own');

# A command that ends by itself after the loss, with nobody there to see which
# came first, has not had the lock to its end
foreach my $case ([], ['--on-lost', 'ignore'], ['--also', 'another'])
{
	my @exits = ($^X, '-e', '$| = 1; $SIG{USR1} = sub { exit 0 }; print "ready\n"; sleep 1 while 1');

	$running = start_withlock(++$lock, @$case, '--', @exits);
	$running->wait_output(qr/ready/);
	$command = $running->wait_command;
	stop_withlock($running);
	end_session();
	wait_until
	{
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: $lock'") eq '0';
	}
	'the session is gone';
	kill 'USR1', $command;
	wait_until { process_state($command) eq 'Z' } 'the command has ended';
	kill 'CONT', $running->pid;
	is($running->wait, 74, "@$case: the lock was lost before the command ended by itself");
	like($running->stderr, qr/\Awithlock: lock "$lock" is lost: [^\n]*terminat[^\n]*\n\z/, '... and the reason is said');
}

# Nothing is done for who wants nothing done, and nothing while the lock is held
$running = start_stubborn('--on-lost', 'ignore');
is(scalar(children_of($running->pid)), 1, '--on-lost ignore: nobody watches');
kill 'KILL', $running->wait_command;
$running->wait;

$running = start_stubborn('--on-lost', 'kill');
$command = $running->wait_command;
stop_withlock($running);
my $seen = length $running->stdout;
wait_until { length $running->stdout > $seen + 2000 } 'the command runs on';
kill 'CONT', $running->pid;
kill 'KILL', $command;
is($running->wait, 128 + 9, 'a stopped withlock that holds its lock: the command runs on');

# The guard itself is killed, or stopped: as if there were none
foreach my $signal ('KILL', 'STOP')
{
	$running = start_stubborn('--grace', '300ms');
	my $guard = guard_of($running);
	kill $signal, $guard;
	if ($signal eq 'KILL') { wait_until { !kill 0, $guard } 'the guard is gone, and cleared away'; }
	else { wait_until { process_state($guard) eq 'T' } 'the guard is stopped'; }
	end_session();
	is($running->wait, 74, "$signal of the guard: withlock ends the command");
	like($running->stdout, qr/told/, '... as ever');
	wait_until { !kill 0, $guard } 'the guard is gone';
}
# ... and one that is killed is replaced
$running = start_stubborn('--lock-delay', '0');
$command = $running->wait_command;
foreach (1 .. 3)
{
	my $guard = guard_of($running);
	kill 'KILL', $guard;
	wait_until { !kill 0, $guard } 'the guard is gone, and cleared away';
}
guard_of($running);
stop_withlock($running);
end_session();
wait_until { process_state($command) eq 'Z' } 'the command has ended';
kill 'CONT', $running->pid;
is($running->wait, 74, 'a guard that was killed is replaced');

# ... and also when the lock is lost already, and the command has its grace:
# by the session, and by a lease that was ended.
foreach my $lease (0, 1)
{
	$running = start_stubborn('--grace', '3s', $lease ? ('--lease', '10s') : ('--lock-delay', '4s'));
	$command = $running->wait_command;
	$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('$lock')");
	$running->wait_output(qr/told/);
	my $guard = guard_of($running);
	kill 'KILL', $guard;
	wait_until { !kill 0, $guard } 'the guard is gone, and cleared away';
	isnt(guard_of($running), $guard, 'a guard that is killed during the grace is replaced');
	stop_withlock($running);
	wait_until { process_state($command) eq 'Z' } 'the command has ended';
	kill 'CONT', $running->pid;
	is($running->wait, 74, '... and ends the command when the grace is over');
}

# A signal for everybody is none for it
$running = start_stubborn('--lock-delay', '0');
my $guard = guard_of($running);
kill $_, $guard foreach 'TERM', 'INT', 'HUP', 'TSTP';
$command = command_under($running->pid);
stop_withlock($running);
end_session();
wait_until { process_state($command) eq 'Z' } 'the command has ended';
kill 'CONT', $running->pid;
is($running->wait, 74, 'TERM, INT, HUP and TSTP do not end the guard');

# --- withlock is stopped while it starts its processes

# Stops withlock after the fork with the number that STOP_AFTER says, or does
# not fork any more with FAIL_AFTER.
SKIP:
{
	my $reason = cannot_compile();
	skip $reason, 12 if $reason;

	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	append_to_file("$directory/fork.c", <<'EOT');
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <dlfcn.h>

static int
number(const char *variable)
{
	const char *value = getenv(variable);

	return value ? atoi(value) : -1;
}

pid_t
fork(void)
{
	static int	forks;
	pid_t		(*real) (void) = (pid_t (*) (void)) dlsym(RTLD_NEXT, "fork");
	pid_t		pid;

	if (forks == number("FAIL_AFTER"))
	{
		errno = EAGAIN;
		return -1;
	}
	forks++;
	pid = real();
	if (pid > 0 && forks == number("STOP_AFTER"))
		kill(getpid(), SIGSTOP);
	return pid;
}
EOT
	compile("$directory/fork.so", ["$directory/fork.c"], '-D_GNU_SOURCE', '-shared', '-fPIC', '-ldl');
	foreach my $forks (1, 2)
	{
		my $ran = "$directory/ran$forks";
		$running = start_withlock({ env => { LD_PRELOAD => "$directory/fork.so", STOP_AFTER => $forks } },
			++$lock, '--lock-delay', '0', '-n', '--', 'touch', $ran);
		wait_until { process_state($running->pid) eq 'T' } 'it is stopped';
		end_session();
		is(withlock($lock, '--', 'true')->status, 0, "stopped after fork $forks, its session is ended, and another one has the lock");
		ok(!-e $ran, '... while the command has not begun');
		kill 'CONT', $running->pid;
		isnt($running->wait, 0, '... nor has it been run when withlock goes on');
		ok(!-e $ran, '... and it never begins');
	}
	foreach my $forks (0, 1)
	{
		my $ended = withlock({ env => { LD_PRELOAD => "$directory/fork.so", FAIL_AFTER => $forks } },
			++$lock, '--', 'echo', 'ran');
		is($ended->status, 70, "fork $forks fails: 70");
		is($ended->stdout, '', '... and the command does not run unguarded');
	}
}

# --- Nothing is left

# Ends with what the command writes; says which processes were left to it, as
# to an init that clears nothing away.
my $adopt = <<'EOT';
syscall 157, 36, 1, 0, 0, 0;	# prctl(PR_SET_CHILD_SUBREAPER)
my $pid = fork // die;
exec @ARGV or die unless $pid;
waitpid $pid, 0;
my $status = $?;
open my $handle, '<', "/proc/$$/task/$$/children" or die;
print map { my $child = $_; open my $comm, '<', "/proc/$child/comm"; "left " . <$comm> } split ' ', <$handle> // '';
exit $status >> 8;
EOT

SKIP:
{
	require Config;
	skip 'the number of prctl() is another one here', 4 unless $Config::Config{archname} =~ /x86_64/;
	foreach my $case (['-v', 'x', '--', 'sh', '-c', 'exit 3'], ['-v', 'x', '--', '/nonexistent'])
	{
		my $ended = start_program({}, $^X, '-e', $adopt, 'withlock', @$case);
		is($ended->wait, $case->[-1] eq 'exit 3' ? 3 : 127, "withlock @$case");
		is($ended->stdout, '', '... leaves no process behind, not even a dead one');
	}
}

# What has left the command's group lives on, and with none of our descriptors
my $list = 'ls /proc/self/fd; echo end';
$running = start_withlock('x', '--', 'sh', '-c', "setsid sh -c '$list; exec sleep 60' & exit 0");
is($running->wait, 0, 'a command that leaves a daemon');
wait_until { $running->stdout =~ /^end$/m } 'the daemon runs';
my $plain = start_program({}, 'sh', '-c', "sh -c '$list'");
$plain->wait;
is($running->stdout, $plain->stdout, '... which inherits nothing but what withlock itself did');
is($node->safe_psql('postgres', "SELECT advisory_lock.is_locked('x')"), 'f', '... and holds nothing');
my ($daemon) = grep { (readlink "/proc/$_/fd/1" // '') eq $running->{stdout}->filename } map { m{(\d+)} } glob '/proc/[0-9]*';
ok($daemon, '... and lives on');
kill 'KILL', $daemon if $daemon;

# SIGKILL of withlock
$running = start_stubborn();
my @children = children_of($running->pid);
is(scalar @children, 2, 'the command and the guard');
kill 'KILL', $running->pid;
$running->wait;
wait_until { !grep { (process_state($_) || 'Z') ne 'Z' } @children } 'both are gone';
pass('... are gone when withlock is killed');
wait_until { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: $lock'") eq '0' } 'so is the session';
pass('... and so is its session');

# ... and so is what the command has started, before the lock is another's
foreach my $shell ('sleep 600; true', 'sleep 600 & exec sleep 600')
{
	$running = start_withlock(++$lock, '--lock-delay', '0', '-c', $shell);
	$command = $running->wait_command;
	my $begun = wait_until { (children_of($command))[0] } 'the command has started another process';
	kill 'KILL', $running->pid;
	$next = withlock($lock, '--', 'sh', '-c', 'kill -0 "$0" && cat /proc/"$0"/stat', $begun);
	unlike($next->stdout, qr/\) [^Z]/, "SIGKILL of withlock ends what the command has started: $shell");
	is($running->wait, 'signal 9', '... and nothing but that ended it');
}

done_testing();
