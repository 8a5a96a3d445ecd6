# Copyright (c) 2026 the advisory_lock authors
#
# A lock that is lost while the command runs: the command does not outlive it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Proxy;
use Withlock;

my $node = start_node('main', conf => 'restart_after_crash = on');
$ENV{WITHLOCK_DB} = conninfo($node);

# Ends the session that holds the lock of the name.
sub terminate_holder
{
	my ($name) = @_;

	is($node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('$name')"),
		1, "the session that holds $name is ended");
	return;
}

# Nobody is kept off longer than the lock is held, but in the first case; the
# command has its grace all the same.
my @no_delay = ('--lock-delay', '0', '--grace', '5s');

# A command that says when it is ready, and ignores TERM.
my @stubborn = ('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done');
# One that says when it ends.
my @obedient = ($^X, '-MTime::HiRes=time', '-e',
	'$| = 1; $SIG{TERM} = sub { print "end ", time, "\n"; exit 5 }; print "ready\n"; sleep 1 while 1;');

# S06, W07, W08: the session is ended by an administrator
my $running = start_withlock('first', '--', @stubborn);
$running->wait_output(qr/ready/);
my $command = $running->wait_command;
my $begin = time;
terminate_holder('first');
is($running->wait, 74, '74: the lock was lost');
cmp_ok(time - $begin, '<', 20, 'a command that ignores TERM is gone');
cmp_ok(time - $begin, '>', 4.5, '... after its grace');
ok(!kill(0, $command), '... indeed');
like($running->stderr, qr/^withlock: lock "first" is lost: .*terminat/m, 'the message names the lock and the reason');

# A command that obeys, and a waiter with no delay: hardly any overlap
my $worst = 0;
foreach my $round (1 .. 10)
{
	my $first = start_withlock('a', @no_delay, '--', @obedient);
	$first->wait_output(qr/ready/);
	my $second = start_withlock('a', @no_delay, '--', $^X, '-MTime::HiRes=time', '-e', 'print "begin ", time, "\n"');
	wait_until
	{
		$node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1';
	}
	'the second one waits';
	$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('a')");
	$second->wait;
	my $status = $first->wait;
	is($status, 74, "round $round: 74, not the status of the command") if $round == 1;
	my ($end) = $first->stdout =~ /end (\S+)/;
	my ($start) = $second->stdout =~ /begin (\S+)/;
	$worst = $end - $start if $end - $start > $worst;
}
cmp_ok($worst, '<', 0.2, 'no second holder overlaps by more than 200 ms')
  or diag "$worst s";
note sprintf 'longest overlap: %.3f s', $worst;

# --on-lost, --grace
$running = start_withlock('a', @no_delay, '--grace', '60s', '--on-lost', 'kill', '--', @stubborn);
$running->wait_output(qr/ready/);
$begin = time;
terminate_holder('a');
is($running->wait, 74, '--on-lost kill: 74');
cmp_ok(time - $begin, '<', 30, '... at once');

$running = start_withlock('a', @no_delay, '--grace', '500ms', '--', @stubborn);
$running->wait_output(qr/ready/);
$begin = time;
terminate_holder('a');
is($running->wait, 74, '--grace 500ms: 74');
cmp_ok(time - $begin, '<', 4.9, '... before the 5 s of the default');

$running = start_withlock('b', @no_delay, '--on-lost', 'ignore', '--', 'sh', '-c',
	'echo ready; trap "echo done; exit 3" USR1; while :; do sleep 0.05; done');
$running->wait_output(qr/ready/);
terminate_holder('b');
$running->wait_errors(qr/is lost/);
kill 'USR1', $running->pid;
is($running->wait, 74, '--on-lost ignore: 74 in the end');
is($running->stdout, "ready\ndone\n", '... when the command has ended by itself');

# What the command has left in its process group
$running = start_withlock('a', @no_delay, '--grace', '1s', '--', 'sh', '-c',
	'(trap "" TERM; while :; do sleep 0.1; done) & echo $!; wait');
$running->wait_output(qr/^\d+$/m);
my ($leftover) = $running->stdout =~ /(\d+)/;
terminate_holder('a');
is($running->wait, 74, 'a process left by the command');
wait_until { !kill 0, $leftover } 'it has gone';
pass('... does not outlive the lock either');

# A stopped command could not obey, and nobody knows for how long it would have
# run beside the next holder
$running = start_withlock('a', @no_delay, '--grace', '60s', '--', @obedient);
$running->wait_output(qr/ready/);
kill 'STOP', $running->wait_command;
$begin = time;
terminate_holder('a');
is($running->wait, 74, 'a stopped command');
unlike($running->stdout, qr/end/, '... is killed without being continued');
cmp_ok(time - $begin, '<', 30, '... at once');

# W05: withlock is killed
$running = start_withlock('a', @no_delay, '--', 'sleep', '60');
$command = $running->wait_command;
kill 'KILL', $running->pid;
is($running->wait, 'signal 9', 'withlock is killed by SIGKILL');
wait_until { !kill 0, $command } 'the command is gone';
pass('... and the command with it');

# W09: withlock is stopped, loses the lock, and is continued
$running = start_withlock('a', @no_delay, '--', @obedient);
$running->wait_output(qr/ready/);
kill 'STOP', $running->pid;
wait_until { process_state($running->pid) eq 'T' } 'withlock is stopped';
terminate_holder('a');
kill 'CONT', $running->pid;
is($running->wait, 74, 'stopped, and continued without the lock');
unlike($running->stdout, qr/end/, '... the command got KILL, it has had its time');

# The same while it is held: nothing happens, and the command gets its CONT
$running = start_withlock('a', @no_delay, '--', 'sh', '-c', 'trap "echo cont" CONT; echo ready; while :; do sleep 0.05; done');
$running->wait_output(qr/ready/);
kill 'STOP', $running->pid;
wait_until { process_state($running->pid) eq 'T' } 'withlock is stopped';
kill 'CONT', $running->pid;
$running->wait_output(qr/cont/);
kill 'TERM', $running->pid;
is($running->wait, 128 + 15, 'stopped, and continued with the lock');
is($running->stdout, "ready\ncont\n", '... the command got CONT once');

# S18, S19: the session lives, the lock does not
my $proxy = Proxy->new($node);
$running = start_withlock('a', @no_delay, '--db', $proxy->conninfo, '--', @obedient);
$running->wait_output(qr/ready/);
$proxy->inject('SELECT pg_advisory_unlock_all()');
$begin = time;
is($running->wait, 74, 'the lock is released behind the back of withlock');
cmp_ok(time - $begin, '<', 30, '... which it notices at the next check');

# A session that is asked to cancel what it does holds its lock
$running = start_withlock('a', @no_delay, '--', 'sh', '-c', 'trap "echo cont" CONT; echo ready; while :; do sleep 0.05; done');
$running->wait_output(qr/ready/);
$node->safe_psql('postgres',
	"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: a'");
kill 'CONT', $running->pid;		# it checks at once then
$running->wait_output(qr/cont/);
kill 'TERM', $running->pid;
is($running->wait, 128 + 15, 'pg_cancel_backend() does not lose the lock');

# S03: a server that does not answer any more
$running = start_withlock('a', @no_delay, '--db', $proxy->conninfo, '--', @obedient);
$running->wait_output(qr/ready/);
$proxy->swallow;
$begin = time;
kill 'CONT', $running->pid;		# it checks at once then
is($running->wait, 74, 'the server does not answer');
cmp_ok(time - $begin, '<', 30, '... for 8 s');
like($running->stderr, qr/does not answer/, '... and that is the reason given');
$proxy->close;

# ... or talks without end, but does not answer: signals are heard
$proxy = Proxy->new($node);
$running = start_withlock('flood', @no_delay, '--db', $proxy->conninfo, '--', 'sleep', '600');
$running->wait_command;
$proxy->flood;
kill 'USR1', $running->pid;
is($running->wait, 128 + 10, 'a signal is passed on while the server floods us with notices');
$proxy->close;

# A command that has left its process group does not outlive the lock either
$running = start_withlock('left', @no_delay, '--', $^X, '-e',
	'$| = 1; setpgrp 0, getpgrp getppid or die; print "ready\n"; sleep 1 while 1');
$running->wait_output(qr/ready/);
terminate_holder('left');
is($running->wait, 74, 'a command that has left its process group is ended');

# Gone at the last moment: the command has ended, but without its lock
$proxy = Proxy->new($node);
foreach my $case (['a'], ['a', '--also', 'z'])
{
	my $last = $case->[-1];
	$running = start_withlock(@$case, @no_delay, '--db', $proxy->conninfo, '--', 'sh', '-c',
		'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done');
	$running->wait_output(qr/ready/);
	$proxy->inject("SELECT advisory_lock.unlock('$last')");
	wait_until { $node->safe_psql('postgres', "SELECT advisory_lock.is_locked('$last')") eq 'f' } 'it is gone';
	kill 'TERM', $running->pid;
	is($running->wait, 74, "the lock $last of @$case is gone when the command ends");
	like($running->stderr, qr/^withlock: lock "a" is lost: .*not held/m, '... and that is said');
}

# A command is not started on a lock that was lost while withlock was stopped:
# neither when the session has ended, which shows, nor when it has not
foreach my $loss ('terminate', 'unlock')
{
	my $holder = session($node);
	$holder->query("SELECT advisory_lock.lock('stale')");
	my $waiter = start_withlock('stale', @no_delay, '--db', $proxy->conninfo, '--', 'echo', 'run');
	wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' } 'it waits';
	kill 'STOP', $waiter->pid;
	wait_until { process_state($waiter->pid) eq 'T' } 'it is stopped';
	$holder->query("SELECT advisory_lock.unlock('stale')");
	wait_until { $node->safe_psql('postgres', "SELECT advisory_lock.is_locked('stale')") eq 't' } 'it is granted';
	# the grant is on its way to withlock when the server says that it waits for more
	wait_until
	{
		$node->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE application_name = 'withlock: stale'") eq 'idle';
	}
	'its session is idle';
	if ($loss eq 'terminate') { terminate_holder('stale'); }
	else { $proxy->inject('SELECT pg_advisory_unlock_all()'); }
	wait_until { $node->safe_psql('postgres', "SELECT advisory_lock.is_locked('stale')") eq 'f' } 'it is lost';
	kill 'CONT', $waiter->pid;
	$waiter->wait_errors(qr/lock "stale"/);
	is($waiter->stdout, '', "$loss while withlock is stopped: the command is not started");
	kill 'TERM', $waiter->pid;
	$waiter->wait;
	is($waiter->stdout, '', '... nor later');
	$holder->quit;
}
# Stopped, and still held: it is
my $before = start_withlock('stale', '--', 'sleep', '1000');
$before->wait_command;
my $late = start_withlock('stale', '--', 'echo', 'run');
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' } 'it waits';
kill 'STOP', $late->pid;
wait_until { process_state($late->pid) eq 'T' } 'it is stopped';
kill 'TERM', $before->pid;
$before->wait;
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '0' } 'it is granted';
kill 'CONT', $late->pid;
is($late->wait, 0, 'stopped while it was granted the lock, and still holding it');
is($late->stdout, "run\n", '... the command runs');

# Where the server keeps nobody off, there is no grace unless it is asked for
$node->safe_psql('postgres', 'CREATE DATABASE bare');
my @keeps_nobody_off = (['by a transaction', $node, 'postgres', '--transaction'], ['without the extension', $node, 'bare'],
	['without a delay', $node, 'postgres', '--lock-delay', '0']);
# Where the extension needs no preloading it has its registry all the same.
push @keeps_nobody_off, ['without the registry', start_node('unregistered', preload => 0), 'postgres']
  if $node->pg_version < 17;
foreach my $case (@keeps_nobody_off)
{
	my ($what, $server, $database, @options) = @$case;
	my $end_session = sub {
		$server->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'withlock: none'");
	};
	$running = start_withlock('none', '-v', @options, '-d', conninfo($server, $database), '--', @obedient);
	$running->wait_output(qr/ready/);
	$end_session->();
	is($running->wait, 74, "lost, $what");
	unlike($running->stdout, qr/end/, '... the command is killed, not told');
	like($running->stderr, qr/keeps nobody off/, '... as -v has said');

	$running = start_withlock('none', '--grace', '30s', @options, '-d', conninfo($server, $database), '--', @obedient);
	$running->wait_output(qr/ready/);
	$end_session->();
	is($running->wait, 74, '... and with --grace');
	like($running->stdout, qr/end/, '... it is told');
}
# The grace fits into the delay
$running = start_withlock('none', '--lock-delay', '2s', '--', @stubborn);
$running->wait_output(qr/ready/);
$begin = time;
terminate_holder('none');
is($running->wait, 74, 'lost, with a delay of 2 s');
cmp_ok(time - $begin, '<', 4.9, '... the grace is shorter than the delay');

# A loss is one line, the rest of libpq's words is for -v
foreach my $case (['terminated', sub { terminate_holder('line') }], ['cut', sub { $proxy->cut }])
{
	my ($what, $lose) = @$case;
	$running = start_withlock('line', @no_delay, '--db', $proxy->conninfo, '--', @obedient);
	$running->wait_output(qr/ready/);
	$lose->();
	is($running->wait, 74, "a session that is $what");
	like($running->stderr, qr/\Awithlock: lock "line" is lost: [^\n]{10,}; sending SIGTERM to the command\n\z/,
		'... is one line');
}
$proxy->close;

# What the server warns of reaches the user
$running = start_withlock('job-c5cd926bdf8b1673', '--', 'sh', '-c', 'withlock -n job-45f2cc9a4e570bef true; sleep 1');
$running->wait;
like($running->stderr, qr/job-45f2cc9a4e570bef.*job-c5cd926bdf8b1673|job-c5cd926bdf8b1673.*job-45f2cc9a4e570bef/, 'two names with one key: the warning names both');

# W23: the lock cannot be released
$proxy = Proxy->new($node);
$running = start_withlock('c', @no_delay, '--db', $proxy->conninfo, '--', 'sh', '-c',
	'trap "exit 6" TERM; echo ready; while :; do sleep 0.05; done');
$running->wait_output(qr/ready/);
$proxy->swallow;
$begin = time;
kill 'TERM', $running->pid;
is($running->wait, 6, 'the release fails: the status of the command is kept');
like($running->stderr, qr/^withlock: lock "c": could not be released/m, '... and a warning given');
cmp_ok(time - $begin, '<', 30, '... within a bounded time');
$proxy->close;

# S11, S12: the server restarts, or crashes
foreach my $mode ('fast', 'immediate')
{
	$running = start_withlock('a', @no_delay, '--', @obedient);
	$running->wait_output(qr/ready/);
	$node->stop($mode);
	is($running->wait, 74, "the server is stopped ($mode)");
	$node->start;
}
my $victim = session($node);
$running = start_withlock('a', @no_delay, '--', @obedient);
$running->wait_output(qr/ready/);
kill 'KILL', $victim->pid;
is($running->wait, 74, 'another session crashes');
wait_until_up($node);

# Settings of a role that would end waits and idle sessions
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE hasty LOGIN;
GRANT USAGE ON SCHEMA advisory_lock TO hasty;
ALTER ROLE hasty SET statement_timeout = '1s';
ALTER ROLE hasty SET lock_timeout = '1s';
ALTER ROLE hasty SET idle_session_timeout = '1s';
ALTER ROLE hasty SET idle_in_transaction_session_timeout = '1s';
EOT
my $first = start_withlock('d', @no_delay, '-U', 'hasty', '--', 'sh', '-c', 'sleep 3; exit 4');
$first->wait_command;
my $second = start_withlock('d', @no_delay, '-U', 'hasty', '--', 'sh', '-c', 'sleep 2; exit 5');
my $third = start_withlock('e', '-U', 'hasty', '--transaction', '--', 'sh', '-c', 'sleep 2; exit 6');
is($first->wait, 4, 'a role with timeouts of 1 s holds for 3 s');
is($second->wait, 5, '... and waits as long, and holds again');
is($third->wait, 6, '... and holds by a transaction');

done_testing();
