# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Terminal - an interactive shell at a real terminal, for the tests

=head1 SYNOPSIS

  use Terminal;

  my $terminal = Terminal->new;
  $terminal->run('withlock job -- sleep 60');
  $terminal->type("\cC");
  $terminal->wait_prompt;

=cut

package Terminal;

use strict;
use warnings FATAL => 'all';

use Carp;
use IO::Pty ();
use POSIX ();

use AdvisoryLock;

# What the shell prompts with; it does not appear in what is typed.
my $PROMPT = 'ready' . '> ';

=pod

=head1 METHODS

=over

=item new(columns => 80)

Starts a bash with job control on a terminal of its own.

=cut

sub new
{
	my ($class, %opts) = @_;

	my $pty = IO::Pty->new;
	my $self = bless { pty => $pty, seen => '', all => '' }, $class;
	my $winsize = pack 'S4', 24, $opts{columns} // 80, 0, 0;
	ioctl $pty->slave, IO::Tty::Constant::TIOCSWINSZ(), $winsize;
	$self->{pid} = fork // croak "could not fork: $!";
	if ($self->{pid} == 0)
	{
		become_shell($pty);
		POSIX::_exit(255);
	}
	$pty->close_slave;
	$pty->blocking(0);
	$self->type("bind 'set enable-bracketed-paste off'; PS1='ready''> '\n");
	$self->wait_prompt;
	return $self;
}

sub become_shell
{
	my ($pty) = @_;

	$pty->make_slave_controlling_terminal;
	my $slave = $pty->slave;
	POSIX::dup2(fileno($slave), $_) foreach 0 .. 2;
	close $slave;
	$pty->close;
	$ENV{TERM} = 'xterm';
	delete @ENV{qw(PROMPT_COMMAND ENV BASH_ENV)};
	no warnings 'exec';
	exec 'bash', '--noprofile', '--norc', '-i';
	return;
}

=pod

=item type(text)

=cut

sub type
{
	my ($self, $text) = @_;

	my $written = $self->{pty}->syswrite($text) // croak "could not type: $!";
	croak 'could not type all of it' if $written != length $text;
	return;
}

=pod

=item run(command)

Types the command and forgets what was shown before.

=cut

sub run
{
	my ($self, $command) = @_;

	$self->read_all;
	$self->{seen} = '';
	$self->type("$command\n");
	return;
}

=pod

=item seen()

All that was shown since run(), or since the last wait_for().

=cut

sub seen
{
	my ($self) = @_;

	$self->read_all;
	return $self->{seen};
}

sub read_all
{
	my ($self) = @_;

	while ($self->{pty}->sysread(my $buffer, 65536))
	{
		$self->{seen} .= $buffer;
	}
	return;
}

=pod

=item wait_for(regex)

Waits until what is seen matches; forgets what was shown up to the end of the
match, and returns all up to there.

=cut

sub wait_for
{
	my ($self, $regex) = @_;

	my $matched = eval
	{
		wait_until { $self->seen =~ $regex } "the terminal shows $regex";
	};
	croak "$@; it shows: $self->{seen}" unless $matched;
	$self->{seen} =~ $regex;
	my $shown = substr $self->{seen}, 0, $+[0];
	substr($self->{seen}, 0, $+[0]) = '';
	return $shown;
}

=pod

=item wait_prompt()

Waits until the shell is ready for the next command, and returns what was
shown until then.

=cut

sub wait_prompt
{
	my ($self) = @_;

	return $self->wait_for(qr/\Q$PROMPT\E/);
}

=pod

=item pid()

The process id of the shell.

=cut

sub pid { return $_[0]->{pid}; }

=pod

=item close()

Hangs the terminal up and waits for the shell's end.

=cut

sub close
{
	my ($self) = @_;

	$self->{pty}->close if $self->{pty};
	delete $self->{pty};
	kill 'KILL', $self->{pid} if $self->{pid};
	waitpid delete $self->{pid}, 0 if $self->{pid};
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local $?;
	$self->close;
	return;
}

=pod

=back

=cut

1;
