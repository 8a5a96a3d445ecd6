# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Network - another machine, and the cable to it

=head1 SYNOPSIS

  use Torture::Network;			# before all other modules

=head1 DESCRIPTION

Starts the program again in network, mount and user namespaces of its own, where
such can be made, with a F</dev/shm> that nobody else has.  Elsewhere it goes on
as it is, and new() gives nothing: what would need the cable is skipped then, and
counted as such.

=cut

package Torture::Network;

use strict;
use warnings FATAL => 'all';

use POSIX ();
use Time::HiRes qw(sleep);

my @ENTER = qw(unshare --user --map-current-user --keep-caps --mount --net);
my $SETUP = 'ip link set lo up && mount -t tmpfs -o size=64m none /dev/shm';

sub is_possible
{
	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";

	return system("@ENTER sh -c '$SETUP' >/dev/null 2>&1") == 0;
}

sub import
{
	return if $ENV{TORTURE_NAMESPACES} || !is_possible();
	$ENV{TORTURE_NAMESPACES} = 1;
	$ENV{PATH} .= ':/usr/sbin:/sbin';
	exec @ENTER, 'sh', '-c', "$SETUP && exec \"\$@\"", 'sh', $^X, (map { "-I$_" } @INC), $0, @ARGV;
	die "unshare: $!\n";
}

=pod

=head1 METHODS

=over

=item new()

=item address()

Of the server's machine.

=item there()

What has to stand before a command that is to run on the other machine.

=item small_disk(directory)

Makes the directory, with a file system of its own that is soon full.

=item pull(), plug()

The cable.

=back

=cut

sub new
{
	my ($class) = @_;

	return unless $ENV{TORTURE_NAMESPACES};
	# it ends with us, whatever becomes of us
	pipe(my $read, my $write) or die "pipe: $!\n";
	my $self = bless { life => $write }, $class;
	$self->{machine} = fork // die "fork: $!\n";
	if ($self->{machine} == 0)
	{
		open STDIN, '<&', $read;
		{ no warnings 'exec'; exec 'unshare', '--net', 'cat'; }
		POSIX::_exit(127);
	}
	my $ours = readlink '/proc/self/ns/net';
	sleep 0.01 until (readlink "/proc/$self->{machine}/ns/net" // $ours) ne $ours;
	ip('link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', $self->{machine});
	ip('addr', 'add', '10.9.1.1/24', 'dev', 'here');
	$self->plug;
	system($self->there, 'ip', @$_) == 0 || die "ip @$_ fails there\n"
	  foreach [qw(addr add 10.9.1.2/24 dev there)], [qw(link set there up)];
	return $self;
}

sub ip { return system('ip', @_) == 0 || die "ip @_ fails\n"; }

sub address { return '10.9.1.1'; }
sub there { return ('nsenter', '--target', $_[0]->{machine}, '--net'); }
sub pull { return ip(qw(link set here down)); }
sub plug { return ip(qw(link set here up)); }

sub small_disk
{
	my ($self, $directory) = @_;

	mkdir $directory or die "$directory: $!\n";
	system(qw(mount -t tmpfs -o size=48m none), $directory) == 0 or die "$directory cannot be mounted\n";
	return $directory;
}

sub stop
{
	my ($self) = @_;

	kill 'KILL', $self->{machine};
	waitpid $self->{machine}, 0;
	return;
}

1;
