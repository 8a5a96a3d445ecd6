# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::HungFiles - a file system that hangs on command

=head1 SYNOPSIS

  use AdvisoryLock::HungFiles;		# before all other modules

  my $files = AdvisoryLock::HungFiles->new($directory);
  # now a write to $directory/log, and a read of $directory/script, hang
  $files->wait_hung;
  $files->thaw;

=head1 DESCRIPTION

A FUSE file system in a mount namespace of the test's own.  What serves it takes
a request and stops, so that who has made it sleeps in the kernel and cannot be
killed, as with a server of NFS that has gone.  Who closes a file does not wait.

=cut

package AdvisoryLock::HungFiles;

use strict;
use warnings FATAL => 'all';

use Config;
use Fcntl qw(O_RDWR);
use POSIX ();

use AdvisoryLock::Namespace;

my ($LOOKUP, $FORGET, $GETATTR, $SETATTR, $OPEN, $READ, $WRITE, $RELEASE, $INIT, $INTERRUPT) =
  (1, 2, 3, 4, 14, 15, 16, 18, 26, 36);
my ($MOUNT_CALL, $PRCTL_CALL) = (165, 157);
my ($ROOT, $LOG, $SCRIPT) = (1, 2, 3);
my $script = "#!/bin/sh\necho executed\n";

sub import
{
	require Test::More;
	Test::More::plan(skip_all => 'the numbers of system calls are other ones here')
	  unless $Config{archname} =~ /x86_64-linux/;
	Test::More::plan(skip_all => '/dev/fuse cannot be opened here')
	  unless sysopen my $device, '/dev/fuse', O_RDWR;
	AdvisoryLock::Namespace::enter(what => 'mount namespaces', setup => 'true');
	return;
}

=pod

=head1 METHODS

=over

=item new(directory)

Mounts it on the directory.  It hangs at the first write and the first read.

=item wait_hung(), thaw()

Waits until somebody hangs; lets everything go on.

=item close()

Ends it; what hangs gets an error.

=back

=cut

sub new
{
	my ($class, $directory) = @_;

	sysopen my $device, '/dev/fuse', O_RDWR or die "could not open /dev/fuse: $!";
	my ($type, $options) =
	  ('fuse', sprintf 'fd=%d,rootmode=40000,user_id=%d,group_id=%d', fileno $device, $>, $) + 0);
	syscall($MOUNT_CALL, $type, $directory, $type, 0, $options) == 0 or die "could not mount: $!";
	my $pid = fork // die "could not fork: $!";
	if ($pid == 0)
	{
		syscall $PRCTL_CALL, 1, 9, 0, 0, 0;	# die with the test, and let go of who hangs
		serve($device);
		POSIX::_exit(0);
	}
	# the kernel learns that it need not ask when a file is closed
	open my $log, '>>', "$directory/log" or die "could not open: $!";
	CORE::close $log;
	return bless { pid => $pid }, $class;
}

sub wait_hung
{
	my ($self) = @_;

	waitpid $self->{pid}, POSIX::WUNTRACED();
	return;
}

sub thaw
{
	my ($self) = @_;

	kill 'CONT', $self->{pid};
	return;
}

sub close
{
	my ($self) = @_;

	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

sub attributes
{
	my ($node) = @_;
	my $mode = $node == $ROOT ? 0040755 : $node == $SCRIPT ? 0100755 : 0100644;

	return pack 'Q6 L10', $node, ($node == $SCRIPT ? length $script : 0), 0, (0) x 3, (0) x 3,
	  $mode, 1, $>, $) + 0, 0, 4096, 0;
}

# What is answered: an error number and bytes.
sub answer
{
	my ($op, $node, $rest) = @_;

	if ($op == $INIT) { return 0, pack 'L4 S2 L2 S2 L8', 7, 31, 65536, 0, 12, 10, 65536, 1, 0, 0, (0) x 8; }
	if ($op == $LOOKUP)
	{
		my $child = { log => $LOG, script => $SCRIPT }->{ unpack 'Z*', $rest } // return -2, '';
		return 0, pack('Q4 L2', $child, 0, 0, 0, 0, 0) . attributes($child);
	}
	if ($op == $GETATTR || $op == $SETATTR) { return 0, pack('Q L2', 0, 0, 0) . attributes($node); }
	if ($op == $OPEN) { return 0, pack 'Q L2', $node, 0, 0; }
	if ($op == $READ) { return 0, unpack('x8 Q', $rest) < length $script ? $script : ''; }
	if ($op == $WRITE) { return 0, pack 'L2', unpack('x16 L', $rest), 0; }
	return $op == $RELEASE ? 0 : -38, '';
}

sub serve
{
	my ($device) = @_;
	my %hung;

	while (sysread $device, my $request, 135168)
	{
		my ($op, $unique, $node) = unpack 'x4 L Q Q', $request;
		next if $op == $FORGET || $op == $INTERRUPT;
		kill 'STOP', $$ if ($op == $READ || $op == $WRITE) && !$hung{$op}++;
		my ($error, $bytes) = answer($op, $node, substr $request, 40);
		syswrite $device, pack('L l Q', 16 + length $bytes, $error, $unique) . $bytes;
	}
	return;
}

1;
