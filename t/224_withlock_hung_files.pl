# Copyright (c) 2026 the advisory_lock authors
#
# A file system that does not answer any more, with stderr on it, or the
# command: who waits for it cannot even be killed.  withlock does not wait.

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::HungFiles;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$ENV{WITHLOCK_DB} = conninfo($node);

sub lose
{
	my ($name) = @_;

	$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('$name')");
	return;
}

# --- stderr

my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $files = AdvisoryLock::HungFiles->new($directory);
open my $log, '>>', "$directory/log" or die "could not open: $!";
my $running = start_withlock(
	{ in_child => sub { POSIX::dup2(fileno $log, 2); } },
	'log', '-v', '--lock-delay', '0', '--grace', '300ms',
	'--', 'sh', '-c', 'trap "" TERM; while :; do echo beat; sleep 0.05; done');
$files->wait_hung;
$running->wait_output(qr/beat/);
pass('the command starts though nothing can be said');
my $command = $running->wait_command;
my ($speaker) = grep { slurp_file("/proc/$_/comm") eq "withlock-speaks\n" } children_of($running->pid);
my $begin = time;
lose('log');
is($running->wait, 74, 'the lock is lost: the status is known');
cmp_ok(time - $begin, '<', 5, '... in time');
ok(!kill(0, $command), '... and the command has ended');
is(process_state($speaker), 'D', '... while what speaks cannot even be killed');
$files->thaw;
wait_until { !kill 0, $speaker } 'what spoke has gone';
pass('nothing is left when the file system answers again');
close $log;
$files->close;

# --- The command

my $other = PostgreSQL::Test::Utils::tempdir_short();
$files = AdvisoryLock::HungFiles->new($other);
$running = start_withlock('exec', '--lock-delay', '0', '--grace', '300ms', '--', "$other/script");
$files->wait_hung;
($command) = grep { slurp_file("/proc/$_/comm") eq "withlock\n" } children_of($running->pid);
$begin = time;
lose('exec');
is($running->wait, 74, 'the lock is lost: withlock ends');
cmp_ok(time - $begin, '<', 10, '... in time');
is(process_state($command), 'D', '... while the command cannot even be killed');
is(withlock('exec', '-n', '--', 'true')->status, 0, '... and others have the lock');
$files->thaw;
wait_until { !kill 0, $command } 'the command has gone';
is($running->stdout, '', 'it never runs, also when the file system answers again');
$files->close;

done_testing();
