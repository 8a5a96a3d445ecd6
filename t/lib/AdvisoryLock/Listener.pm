# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Listener - a process of its own that clients take for a server

=head1 SYNOPSIS

  use parent 'AdvisoryLock::Listener';

  my $self = $class->listen(sub { my ($listener, $self) = @_; ... });
  withlock('job', '--db', $self->conninfo, 'true');

=cut

package AdvisoryLock::Listener;

use strict;
use warnings FATAL => 'all';

use Carp;
use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;

=pod

=head1 METHODS

=over

=item listen(serve, member => value, ...)

Listens on a socket in a directory of its own and calls serve in a process of
its own, with the listening socket and the object, which has the members.

=cut

sub listen
{
	my ($class, $serve, %members) = @_;

	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	my $listener = IO::Socket::UNIX->new(
		Local => "$directory/.s.PGSQL.5000",
		Listen => 100) or croak "could not listen: $!";
	my $self = bless { directory => $directory, %members }, $class;
	$self->{pid} = fork // croak "could not fork: $!";
	if ($self->{pid} == 0)
	{
		$SIG{PIPE} = 'IGNORE';
		eval { $serve->($listener, $self); 1; } or warn $@;
		POSIX::_exit(1);    # without what the test does at its end
	}
	return $self;
}

=pod

=item conninfo(dbname)

How to connect to it.

=cut

sub conninfo
{
	my ($self, $dbname) = @_;

	return "host=$self->{directory} port=5000 dbname=" . ($dbname // 'postgres');
}

=pod

=item close()

Ends it.

=cut

sub close
{
	my ($self) = @_;

	my $pid = delete $self->{pid} or return;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $!);
	$self->close;
	return;
}

=pod

=back

=cut

1;
