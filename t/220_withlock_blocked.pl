# Copyright (c) 2026 the advisory_lock authors
#
# What could block withlock and must not: whoever reads its messages, and the
# file that it executes.  It acts first, and then speaks.

use strict;
use warnings FATAL => 'all';

use Fcntl;
use IO::Pty ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$ENV{WITHLOCK_DB} = conninfo($node);

# What is left open here keeps the readers alive, who never read.
my @kept;

# Fills a descriptor until it takes no more, and leaves it blocking.
sub fill
{
	my ($handle) = @_;

	my $flags = fcntl $handle, F_GETFL, 0;
	fcntl $handle, F_SETFL, $flags | O_NONBLOCK or die "could not set flags: $!";
	foreach my $size (65536, 1)
	{
		1 while syswrite $handle, 'x' x $size;
	}
	fcntl $handle, F_SETFL, $flags & ~O_NONBLOCK or die "could not set flags: $!";
	return $handle;
}

# Handles that block who writes to them.
my %blocking = (
	'a full pipe' => sub {
		pipe(my $reader, my $writer) or die "could not create a pipe: $!";
		push @kept, $reader;
		return fill($writer);
	},
	'a full socket' => sub {
		socketpair(my $reader, my $writer, AF_UNIX, SOCK_STREAM, PF_UNSPEC)
		  or die "could not create sockets: $!";
		push @kept, $reader;
		return fill($writer);
	},
	'a stopped terminal' => sub {
		my $pty = IO::Pty->new;
		my $slave = $pty->slave;
		push @kept, $pty;
		POSIX::tcflow(fileno $slave, POSIX::TCOOFF()) or die "could not stop the terminal: $!";
		return $slave;
	});

# withlock with such a handle as stderr
sub start_blocked
{
	my ($handle, @arguments) = @_;

	return start_withlock({ in_child => sub { POSIX::dup2(fileno $handle, 2); } }, @arguments);
}

sub sessions
{
	my ($name) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'withlock: $name'");
}

# Ignores TERM, and says how long it lives.
my @beating = ('sh', '-c', 'trap "" TERM; while :; do echo beat; sleep 0.05; done');

foreach my $kind (sort keys %blocking)
{
	my $handle = $blocking{$kind}->();

	# A lock that is lost
	my $running = start_blocked($handle, 'lost', '--lock-delay', '0', '--grace', '300ms', '--', @beating);
	$running->wait_output(qr/beat/);
	my $command = $running->wait_command;
	my $begin = time;
	$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('lost')");
	wait_until { !kill 0, $command } 'the command is gone';
	cmp_ok(time - $begin, '<', 5, "$kind as stderr: the command does not outlive its lock");
	is($running->wait, 74, '... the status is known');

	# Talking before the command
	$running = start_blocked($handle, 'talk', '-v', '--', 'sh', '-c', 'exec 2>/dev/null; trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done');
	$running->wait_output(qr/ready/);
	kill 'TERM', $running->pid;
	is($running->wait, 5, '... with -v the command runs, and gets TERM');
	is(sessions('talk'), 0, '... and the session ends');

	# Talking while waiting
	my $holder = session($node, 'bare');
	$holder->query(q{SELECT pg_advisory_lock(-107789403, -1898803861)});
	$running = start_blocked($handle, 'test-lock', '-v', '-d', conninfo($node, 'bare'), '--', 'true');
	wait_until { sessions('test-lock') } 'it waits';
	kill 'TERM', $running->pid;
	is($running->wait, 128 + 15, '... TERM ends a wait');
	$holder->quit;
	my $flags = fcntl $handle, F_GETFL, 0;
	is($flags & O_NONBLOCK, 0, '... and its description is as it was');
}

# Nothing is left of what spoke
wait_until
{
	!grep { (readlink "/proc/$_/exe" // '') =~ m{/withlock$} && (getpgrp($_) // 0) == getpgrp }
	map { m{(\d+)} } glob '/proc/[0-9]*';
}
'no process is left';
pass('no process is left');

# Words keep their place before the command's, and all of them are said
my @wrong = grep
{
	my $all = PostgreSQL::Test::Utils::tempdir() . "/all$_";
	my $ended = withlock({ stdout => $all, in_child => sub { POSIX::dup2(1, 2); } },
		'order', '-v', '--', 'sh', '-c', 'echo command; exit 1');
	slurp_file($all) !~ /obtained after.*\ncommand\n\z/
} 1 .. 20;
is("@wrong", '', 'what is said before the command stands before its words');

# Those who wait for the end of stdout do not wait for what speaks
my $running = start_withlock('pipe', '-v', '--', 'sh', '-c', 'exec >&-; echo $$ >&2; exec sleep 60');
wait_until { $running->stderr =~ /^\d+$/m } 'the command runs';
wait_until
{
	my @open = map { readlink // '' } map { glob "/proc/$_/fd/*" } children_of($running->pid);
	!grep { $_ eq $running->{stdout}->filename } @open;
}
'none of its processes has stdout open';
pass('what speaks keeps no stdout open');
kill 'TERM', $running->pid;
$running->wait;

my $list = ['sh', '-c', 'ls /proc/self/fd | tr "\n" " "'];
is(withlock('x', '-v', '--', @$list)->stdout, withlock('x', '--', @$list)->stdout,
	'the command inherits nothing of it');

# --- A file that cannot be opened: the kernel asks the holder of a lease

sub leased_command
{
	my ($name) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir_short() . "/$name";

	append_to_file($file, "#!/bin/sh\necho executed\n");
	chmod 0755, $file or die "could not chmod: $!";
	open my $lease, '<', $file or die "could not open $file: $!";
	local $SIG{IO} = 'IGNORE';
	return unless fcntl $lease, 1024, F_WRLCK;	# F_SETLEASE
	return ($file, $lease);
}

SKIP:
{
	$SIG{IO} = 'IGNORE';
	my ($file, $lease) = leased_command('leased');
	skip 'the file system has no leases', 6 unless $file;

	foreach my $case (['TERM', sub { kill 'TERM', $_[0]->pid }, 128 + 15],
		['the loss of the lock', sub { $node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('exec')") }, 74])
	{
		my ($what, $act, $status) = @$case;
		my $hanging = start_withlock('exec', '--lock-delay', '0', '--', $file);
		my $child = wait_until { (children_of($hanging->pid))[0] } 'it has forked';
		wait_until { slurp_file("/proc/$child/wchan") =~ /lease/ || process_state($child) eq 'D' } 'the exec hangs';
		my $begin = time;
		$act->($hanging);
		is($hanging->wait, $status, "$what while the exec of the command hangs");
		cmp_ok(time - $begin, '<', 10, '... is answered at once');
		is($hanging->stdout, '', '... and the command did not run');
	}
}

done_testing();
