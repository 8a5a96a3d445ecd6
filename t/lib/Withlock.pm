# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Withlock - what the tests of the command withlock share

=head1 SYNOPSIS

  use Withlock;

  $ENV{WITHLOCK_DB} = conninfo($node);

  my $ended = withlock('job', '--', 'sh', '-c', 'exit 7');
  is($ended->status, 7);

  my $running = start_withlock('job', '--', 'sleep', '60');
  $running->wait_command;            # until it runs, with the lock held
  kill 'TERM', $running->pid;
  is($running->wait, 128 + 15);

=cut

package Withlock;

use strict;
use warnings FATAL => 'all';

use Carp;
use Exporter 'import';
use File::Temp ();
use POSIX ();
use Time::HiRes ();

use AdvisoryLock;
use AdvisoryLock::Pooler;

our @EXPORT = qw(
  children_of
  command_under
  process_state
  start_withlock
  start_pooler
  start_program
  withlock
);

# What is started is ended at the end of the test, whatever happens.
my %running;

END
{
	my $status = $?;
	kill 'KILL', keys %running;
	$? = $status;
}

=pod

=head1 FUNCTIONS

=over

=item start_withlock([\%options,] arguments)

Starts withlock and returns an object with the methods below.  Options:

  env => {...}        added to the environment; undef removes a variable
  stdin => FILE       default: /dev/null
  stdout => FILE, stderr => FILE
                      default: files that stdout() and stderr() read
  in_child => sub     called in the child before the program is executed
  wrapper => [...]    a program that executes withlock, and its arguments

=cut

sub start_withlock
{
	my $options = ref $_[0] eq 'HASH' ? shift : {};

	return start_program($options, @{ $options->{wrapper} // [] },
		'withlock', @_);
}

=pod

=item start_program(\%options, command)

The same with any program.

=cut

sub start_program
{
	my ($options, @command) = @_;

	my $self = bless { started => Time::HiRes::time() };
	foreach my $stream ('stdout', 'stderr')
	{
		$self->{$stream} = File::Temp->new;
		$options->{$stream} //= $self->{$stream}->filename;
	}
	my $pid = fork // croak "could not fork: $!";
	if ($pid == 0)
	{
		become_program($options, @command);
		POSIX::_exit(255);
	}
	$running{$pid} = 1;
	$self->{pid} = $pid;
	return $self;
}

sub become_program
{
	my ($options, @command) = @_;

	foreach my $name (keys %{ $options->{env} // {} })
	{
		my $value = $options->{env}{$name};
		delete $ENV{$name};
		$ENV{$name} = $value if defined $value;
	}
	# The test modules ignore it, and that would be inherited.
	$SIG{PIPE} = 'DEFAULT';
	open STDIN, '<', $options->{stdin} // '/dev/null' or return;
	open STDOUT, '>', $options->{stdout} or return;
	open STDERR, '>', $options->{stderr} or return;
	$options->{in_child}->() if $options->{in_child};
	no warnings 'exec';
	exec { $command[0] } @command;
	return;
}

=pod

=item start_pooler(node, mode, size)

Starts a pgbouncer and returns how to connect to it, but for the database.

=cut

sub start_pooler
{
	my ($node, $mode, $size) = @_;

	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $server = 'host=' . $node->host . ' port=' . $node->port;
	start_program({}, 'pgbouncer', configure_pooler($directory, $server, $user, $mode, $size));
	wait_until { -S "$directory/.s.PGSQL.5000" } 'pgbouncer listens';
	return "host=$directory port=5000 user=$user dbname=";
}

=pod

=item withlock([\%options,] arguments)

Starts withlock and waits for its end.

=cut

sub withlock
{
	my $self = start_withlock(@_);

	$self->wait;
	return $self;
}

=pod

=item children_of(pid)

The process ids of the children of a process.

=cut

sub children_of
{
	my ($pid) = @_;

	open my $handle, '<', "/proc/$pid/task/$pid/children" or return;
	return split ' ', scalar <$handle> // '';
}

=pod

=item command_under(pid)

The process id of the command that a withlock runs, once it has been executed;
nothing before.

=cut

sub command_under
{
	my ($pid) = @_;
	my $own = readlink "/proc/$pid/exe" // return;

	# until exec, it is a copy of withlock, as is what writes its messages
	my ($command) = grep { (readlink "/proc/$_/exe" // $own) ne $own } children_of($pid);
	return $command;
}

=pod

=item process_state(pid)

The letter by which the kernel names it: R, S, D, T (stopped), Z (zombie); ''
if there is no such process.

=cut

sub process_state
{
	my ($pid) = @_;

	open my $handle, '<', "/proc/$pid/stat" or return '';
	my $line = <$handle> // '';
	return $line =~ /\) (\w)/ ? $1 : '';
}

=pod

=back

=head1 METHODS

=over

=item pid()

=item wait()

Waits for the end of the process and returns its status, see status().

=cut

sub pid { return $_[0]->{pid}; }

sub wait
{
	my ($self) = @_;

	wait_until { $self->has_ended } "process $self->{pid} has ended";
	return $self->status;
}

=pod

=item has_ended()

Without waiting.

=cut

sub has_ended
{
	my ($self) = @_;

	return 1 if defined $self->{wait_status};
	return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) != $self->{pid};
	$self->{wait_status} = $?;
	$self->{ended} = Time::HiRes::time();
	delete $running{ $self->{pid} };
	return 1;
}

=pod

=item status()

The exit status; "signal N" if a signal ended the process itself.

=cut

sub status
{
	my ($self) = @_;

	my $status = $self->{wait_status} // croak 'it has not ended';
	return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}

=pod

=item seconds()

How long it ran.

=cut

sub seconds { return $_[0]->{ended} - $_[0]->{started}; }

=pod

=item stdout(), stderr()

What it has written so far.

=cut

sub stdout { return slurp($_[0]->{stdout}->filename); }
sub stderr { return slurp($_[0]->{stderr}->filename); }

sub slurp
{
	my ($file) = @_;

	open my $handle, '<', $file or croak "could not open $file: $!";
	local $/;
	return scalar <$handle> // '';
}

=pod

=item wait_output(regex)

Waits until stdout matches; wait_errors(regex) does the same with stderr.

=cut

sub wait_output
{
	my ($self, $regex) = @_;

	wait_until { $self->stdout =~ $regex } "stdout matches $regex";
	return;
}

sub wait_errors
{
	my ($self, $regex) = @_;

	wait_until { $self->stderr =~ $regex } "stderr matches $regex";
	return;
}

=pod

=item wait_command()

Waits until the command runs, and returns its process id.

=cut

sub wait_command
{
	my ($self) = @_;

	return wait_until
	{
		croak 'withlock has ended: ' . $self->stderr if $self->has_ended;
		command_under($self->{pid});
	}
	'the command runs';
}

=pod

=back

=cut

1;
