# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Session - a psql session that a test talks to step by step

=head1 SYNOPSIS

  my $session = session($node);
  my $token = $session->query("SELECT advisory_lock.lock('a')");

  is($session->sqlstate_of("SELECT advisory_lock.lock('')"), '22023');

  $session->start("SELECT advisory_lock.lock('b')");	# returns at once
  $session->wait_blocked;
  my $other_token = $session->finish;

=cut

package AdvisoryLock::Session;

use strict;
use warnings FATAL => 'all';

use Carp;
use IPC::Run;
use Time::HiRes ();

use PostgreSQL::Test::Utils;

=pod

=head1 METHODS

=over

=item new(node, dbname, options => '-c name=value')

Connects, and dies when that fails.  C<options> are settings of the session.

=cut

sub new
{
	my ($class, $node, $dbname, %opts) = @_;

	my $self = bless {
		node => $node,
		stdin => '',
		stdout => '',
		stderr => '',
		count => 0,
		timer =>
		  IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default),
	}, $class;

	local $ENV{PGOPTIONS} = $opts{options} // '';
	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr($dbname), '-f', '-' ],
		'<' => \$self->{stdin},
		'>' => \$self->{stdout},
		'2>' => \$self->{stderr},
		$self->{timer});
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	return $self;
}

=pod

=item pid()

The process id of the session's backend.

=cut

sub pid { return $_[0]->{pid}; }

=pod

=item start(sql)

Begins to execute SQL, one command or several, and does not wait for it.

=cut

sub start
{
	my ($self, $sql) = @_;

	croak 'the previous command is not finished' if $self->{busy};
	$self->{busy} = 1;
	$self->{stdout} = '';
	$self->{stderr} = '';

	# A lone semicolon would count as a command, one that succeeds.
	$sql =~ s/[;\s]+\z//;

	# The end is marked on both streams, as either can arrive first.
	my $mark = 'end of command ' . ++$self->{count};
	$self->{mark} = $mark;
	$self->{stdin} .= "$sql\n;\n\\echo '$mark' :SQLSTATE\n\\warn '$mark'\n";
	$self->{timer}->start;

	# What goes wrong in a write here shows when the end is awaited.
	eval { $self->{run}->pump_nb; };
	return;
}

=pod

=item finish()

Waits for the end of what was started, and returns its output without the
final newline.  Dies when any command of it failed.

=cut

sub finish
{
	my ($self) = @_;

	my $state = $self->finish_state;
	croak "SQLSTATE $state: $self->{messages}"
	  if $state ne '00000' || $self->{messages} =~ /^psql:\S+ (ERROR|FATAL):/m;
	return $self->{output};
}

=pod

=item finish_state()

The same, but returns the SQLSTATE of the last command: 00000 when it
succeeded, 08006 when the session ended.

=cut

sub finish_state
{
	my ($self) = @_;

	croak 'nothing was started' unless $self->{busy};
	my $mark = $self->{mark};
	eval {
		$self->{run}->pump
		  until $self->{stdout} =~ /^\Q$mark\E (\w+)\n/m
		  && $self->{stderr} =~ /^\Q$mark\E\n/m;
		1;
	} or do
	{
		die $@ if $self->{timer}->is_expired;
	};
	$self->{busy} = 0;

	# psql ends when it loses its connection, and there is no mark then.
	my $state = $self->{stdout} =~ s/^\Q$mark\E (\w+)\n//m ? $1 : '08006';
	$self->{stderr} =~ s/^\Q$mark\E\n//m;
	chomp($self->{output} = $self->{stdout});
	chomp($self->{messages} = $self->{stderr});
	return $state;
}

=pod

=item query(sql)

start() and finish().

=cut

sub query
{
	my ($self, $sql) = @_;

	$self->start($sql);
	return $self->finish;
}

=pod

=item sqlstate_of(sql)

start() and finish_state().

=cut

sub sqlstate_of
{
	my ($self, $sql) = @_;

	$self->start($sql);
	return $self->finish_state;
}

=pod

=item output(), messages()

What the last finished command wrote: rows, and warnings and errors.

=cut

sub output { return $_[0]->{output}; }
sub messages { return $_[0]->{messages}; }

=pod

=item is_finished()

Whether what was started has ended, without waiting.

=cut

sub is_finished
{
	my ($self) = @_;

	my $mark = $self->{mark};
	eval { $self->{run}->pump_nb; };
	return !$self->{run}->pumpable
	  || ( $self->{stdout} =~ /^\Q$mark\E (\w+)\n/m
		&& $self->{stderr} =~ /^\Q$mark\E\n/m);
}

=pod

=item wait_blocked()

Returns once the session waits for a lock in the server's lock table.

=cut

sub wait_blocked
{
	my ($self) = @_;

	$self->{node}->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_locks WHERE pid = $self->{pid} AND NOT granted"
	) or croak "session $self->{pid} does not wait for a lock";
	return;
}

=pod

=item quit()

Ends the session and waits for psql's end; not for the backend's.

=back

=cut

sub quit
{
	my ($self) = @_;

	$self->{stdin} .= "\\q\n";
	eval { $self->{run}->finish; };
	return;
}

1;
