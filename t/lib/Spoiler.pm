# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Spoiler - something between client and server that makes errors of answers

=head1 SYNOPSIS

  use Spoiler;

  my $spoiler = Spoiler->new($node);
  system 'client', $spoiler->conninfo;

A client that has executed

  SELECT 'spoil TEXT'

gets, in place of the next answer to a statement that contains the text, the
error that a cancel is.  The server has done what it was asked for all the same,
as when a cancel comes at its end.  Several of these come in turn.  After

  SELECT 'garble TEXT'

the server cannot read the next statement that contains the text, and has done
nothing of it.

=cut

package Spoiler;

use strict;
use warnings FATAL => 'all';

use parent 'AdvisoryLock::Listener';

use IO::Select;
use IO::Socket::UNIX;

my $fields = "SERROR\0VERROR\0C57014\0Mcanceling statement by the test\0\0";
my $canceled = 'E' . pack('N', 4 + length $fields) . $fields;

=pod

=head1 METHODS

=over

=item new(node)

Listens on a socket of its own and passes connections on to the server, in a
process of its own.

=cut

sub new
{
	my ($class, $node) = @_;

	return $class->listen(sub { serve($_[0], $node->host . '/.s.PGSQL.' . $node->port) });
}

=pod

=back

=cut

sub serve
{
	my ($listener, $server) = @_;
	my $select = IO::Select->new($listener);
	my %ends;

	while (my @ready = $select->can_read)
	{
		foreach my $socket (@ready)
		{
			if ($socket == $listener)
			{
				my ($client, $upstream) = (scalar $listener->accept, IO::Socket::UNIX->new($server));
				my $talk = { statements => [], texts => [], client => '', server => '', row => '' };

				$ends{$client} = { talk => $talk, to => $upstream, read => \&from_client };
				$ends{$upstream} = { talk => $talk, to => $client, read => \&from_server };
				$select->add($client, $upstream);
				next;
			}
			my $end = $ends{$socket} // next;	# closed together with its other end
			if ($socket->sysread(my $buffer, 65536)) { $end->{to}->syswrite($end->{read}->($end->{talk}, $buffer)); }
			else { $select->remove($_), delete $ends{$_}, $_->close foreach $end->{to}, $socket; }
		}
	}
	return;
}

# Splits what has arrived into whole messages.
sub messages
{
	my ($rest) = @_;
	my @messages;

	while (length $$rest >= 5 && length $$rest > (my $size = unpack 'x N', $$rest))
	{
		push @messages, substr $$rest, 0, $size + 1, '';
	}
	return @messages;
}

# Remembers the statements, and where they are synchronized.
sub from_client
{
	my ($talk, $buffer) = @_;
	my $out = '';

	# the first message has no type
	if (!$talk->{started}++) { return $buffer; }
	$talk->{client} .= $buffer;
	foreach (messages(\$talk->{client}))
	{
		push @{ $talk->{statements} }, (unpack 'x5 Z* Z*')[1] if /^P/;
		push @{ $talk->{statements} }, 'sync' if /^S/;
		garble($talk, \$_) if /^P/;
		$out .= $_;
	}
	return $out;
}

# The message has the same length afterwards.
sub garble
{
	my ($talk, $message) = @_;

	if (defined $talk->{garble} && $$message =~ s/\Q$talk->{garble}\E/'?' x length $talk->{garble}/e)
	{
		delete $talk->{garble};
	}
	$talk->{garble} = $1 if $$message =~ /'garble (.*)'/;
	return;
}

# What is sent on in place of a message.
sub answer
{
	my ($talk, $message) = @_;
	my $statements = $talk->{statements};

	if ($message =~ /^[CE]/ && @$statements)
	{
		my $statement = shift @$statements;
		my $row = $talk->{row};

		$talk->{row} = '';
		if ($message =~ /^C/ && @{ $talk->{texts} } && index($statement, $talk->{texts}[0]) >= 0)
		{
			shift @{ $talk->{texts} };
			return $canceled;
		}
		push @{ $talk->{texts} }, $1 if $statement =~ /'spoil (.*)'/;
		return $row . $message;
	}
	if ($message =~ /^Z/) { 1 while @$statements && shift @$statements ne 'sync'; }
	if ($message !~ /^[DT]/) { return $message; }
	$talk->{row} .= $message;
	return '';
}

sub from_server
{
	my ($talk, $buffer) = @_;

	$talk->{server} .= $buffer;
	return join '', map { answer($talk, $_) } messages(\$talk->{server});
}

1;
