# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Proxy - something between client and server that misbehaves on command

=head1 SYNOPSIS

  use Proxy;

  my $proxy = Proxy->new($node);
  withlock('job', '--db', $proxy->conninfo, 'true');
  $proxy->inject('SELECT pg_advisory_unlock_all()');
  $proxy->swallow;

=cut

package Proxy;

use strict;
use warnings FATAL => 'all';

use parent 'AdvisoryLock::Listener';

use Carp;
use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;

# Seconds after which a client has said all it can without an answer.
my $QUIET = 0.2;

=pod

=head1 METHODS

=over

=item new(node, greeting => BYTES, log => FILE, pretend_primary => 1)

Listens on a socket of its own and passes connections on to the server, all in
a process of its own.  With C<greeting> it does not connect to any server but
answers the start-up packet with those bytes.  With C<log> it lets the
client say all it has to say before it passes an answer on, and writes a C or
an S to the file whenever it is the client's or the server's turn.  With
C<pretend_primary> it tells the client that it is connected to a process of a
primary, whatever the server says.

=cut

sub new
{
	my ($class, $node, %opts) = @_;

	pipe(my $orders, my $commander) or croak "could not create a pipe: $!";
	return $class->listen(
		sub {
			my ($listener, $self) = @_;

			CORE::close $commander;
			serve({
				listener => $listener,
				orders => $orders,
				server => $node && $node->host . '/.s.PGSQL.' . $node->port,
				greeting => $opts{greeting},
				log => $opts{log},
				pretend_primary => $opts{pretend_primary},
				turn => '',
				held => {},
				select => IO::Select->new($listener, $orders),
				peer => {},
				is_server => {},
				held_file => "$self->{directory}/held",
				skip => {} });
		},
		commander => $commander);
}

=pod

=item inject(sql)

Has each server session execute the SQL, unseen by its client.  The client
must be idle.

=item swallow()

From now on nothing passes in either direction, and nothing is closed.

=item cut()

Closes all connections.

=item hold(text), go()

What a client sends is kept back from where it contains the text, and
C<held()> is true then, until go().

=item go_unanswered(text)

Passes on what was kept back, throws the server's answer away, and closes that
connection.  Then it holds the next one, as hold() does.

=item flood()

From now on it only sends notices to the clients, as fast as they take them.

=cut

sub inject { return $_[0]->order("inject $_[1]"); }
sub swallow { return $_[0]->order('swallow'); }
sub cut { return $_[0]->order('cut'); }
sub flood { return $_[0]->order('flood'); }
sub hold { unlink "$_[0]->{directory}/held"; return $_[0]->order("hold $_[1]"); }
sub held { return -e "$_[0]->{directory}/held"; }
sub go { return $_[0]->order('go'); }

sub go_unanswered { unlink "$_[0]->{directory}/held"; return $_[0]->order("go_unanswered $_[1]"); }

sub order
{
	my ($self, $text) = @_;

	syswrite($self->{commander}, "$text\n") // croak "could not give an order: $!";
	return;
}

sub serve
{
	my ($s) = @_;

	while (1)
	{
		my @ready = $s->{select}->can_read($s->{log} ? $QUIET : undef);

		release($s) unless @ready;
		foreach my $socket (@ready)
		{
			# closed together with its other end
			next unless $socket->opened;
			if ($socket == $s->{listener}) { accept_client($s); }
			elsif ($socket == $s->{orders}) { obey($s) or return; }
			else { pass_on($s, $socket); }
		}
	}
	return;
}

sub accept_client
{
	my ($s) = @_;
	my $client = $s->{listener}->accept or return;

	if (defined $s->{greeting})
	{
		$client->sysread(my $startup, 65536);
		$client->syswrite($s->{greeting});
		$s->{select}->add($client);
		return;
	}
	my $server = IO::Socket::UNIX->new($s->{server}) or return;
	$s->{select}->add($client, $server);
	$s->{peer}{$client} = $server;
	$s->{peer}{$server} = $client;
	$s->{is_server}{$server} = $server;
	return;
}

sub obey
{
	my ($s) = @_;
	my $order = readline $s->{orders} // return 0;

	chomp $order;
	if ($order =~ /^inject (.*)/)
	{
		foreach my $server (values %{ $s->{is_server} })
		{
			syswrite $server, 'Q' . pack('N', 5 + length $1) . "$1\0";
			$s->{skip}{$server} = '';
		}
	}
	elsif ($order eq 'swallow') { $s->{swallow} = 1; }
	elsif ($order =~ /^hold (.*)/) { $s->{hold} = $1; }
	elsif ($order eq 'go') { go_on($s); }
	elsif ($order =~ /^go_unanswered (.*)/) { go_on_unanswered($s, $1); }
	elsif ($order eq 'flood') { flood_clients($s); }
	elsif ($order eq 'cut') { drop($s, $_) foreach values %{ $s->{is_server} }; }
	return 1;
}

# What a client has to say comes in pieces, and they stay in their order.
sub keep_back
{
	my ($s, $socket, $buffer) = @_;

	if (!$s->{kept})
	{
		my $before = substr $buffer, 0, index($buffer, $s->{hold}), '';
		$s->{peer}{$socket}->syswrite($before) if length $before;
	}
	$s->{kept}[0] //= $s->{peer}{$socket};
	$s->{kept}[1] .= $buffer;
	delete $s->{hold};
	PostgreSQL::Test::Utils::append_to_file($s->{held_file}, '');
	return;
}

sub go_on
{
	my ($s) = @_;
	my ($server, $buffer) = @{ delete $s->{kept} };

	$server->syswrite($buffer);
	return;
}

sub go_on_unanswered
{
	my ($s, $text) = @_;
	my $server = $s->{kept}[0];

	$s->{hold} = $text;
	go_on($s);
	$server->sysread(my $answer, 65536);
	drop($s, $server);
	return;
}

sub flood_clients
{
	my ($s) = @_;
	my $fields = "SNOTICE\0VNOTICE\0C00000\0Mnothing\0\0";
	my $notices = ('N' . pack('N', 4 + length $fields) . $fields) x 2000;
	my @clients = map { $s->{peer}{$_} } values %{ $s->{is_server} };

	# a client that goes away takes nothing any more
	while (@clients)
	{
		@clients = grep { defined syswrite $_, $notices } @clients;
	}
	return;
}

sub pass_on
{
	my ($s, $socket) = @_;
	my $length = $socket->sysread(my $buffer, 65536);

	if (!$length)
	{
		release($s);
		drop($s, $socket);
		return;
	}
	return if $s->{swallow} || !$s->{peer}{$socket};
	$buffer = skip_answer($s, $socket, $buffer) if defined $s->{skip}{$socket};
	$buffer = greet_as_primary($buffer) if $s->{pretend_primary} && $s->{is_server}{$socket};
	if ($s->{log} && $s->{is_server}{$socket})
	{
		$s->{held}{$socket} .= $buffer;
		return;
	}
	return keep_back($s, $socket, $buffer)
	  if $s->{kept} ? $s->{kept}[0] == $s->{peer}{$socket} : defined $s->{hold} && index($buffer, $s->{hold}) >= 0;
	log_turn($s, 'C') if $s->{log};
	$s->{peer}{$socket}->syswrite($buffer) if length $buffer;
	return;
}

# A greeting comes in one piece: the parameter, and the key for a cancel request.
sub greet_as_primary
{
	my ($buffer) = @_;
	my ($on, $off) = map { pack('aN', 'S', 4 + length) . $_ } "in_hot_standby\0on\0", "in_hot_standby\0off\0";

	$buffer =~ s/\Q$on\E/$off/;
	$buffer =~ s/K\0\0\0\x0c....(?=....Z\0\0\0\x05)/"K\0\0\0\x0c" . pack 'N', 1/se;
	return $buffer;
}

# The client has nothing more to say: pass on what the servers have said.
sub release
{
	my ($s) = @_;

	foreach my $server (values %{ $s->{is_server} })
	{
		my $answer = delete $s->{held}{$server} // next;

		log_turn($s, 'S');
		$s->{peer}{$server}->syswrite($answer);
	}
	return;
}

sub log_turn
{
	my ($s, $turn) = @_;

	return if $turn eq $s->{turn};
	$s->{turn} = $turn;
	PostgreSQL::Test::Utils::append_to_file($s->{log}, $turn);
	return;
}

# Leave out messages up to the next ReadyForQuery.
sub skip_answer
{
	my ($s, $socket, $buffer) = @_;

	$buffer = $s->{skip}{$socket} . $buffer;
	while (length $buffer >= 5)
	{
		my ($type, $size) = unpack 'aN', $buffer;

		last if length $buffer < $size + 1;
		substr($buffer, 0, $size + 1) = '';
		if ($type eq 'Z')
		{
			delete $s->{skip}{$socket};
			return $buffer;
		}
	}
	$s->{skip}{$socket} = $buffer;
	return '';
}

sub drop
{
	my ($s, $socket) = @_;

	# a swallowed connection stays as it is
	return $s->{select}->remove($socket) if $s->{swallow};
	foreach my $end ($s->{peer}{$socket}, $socket)
	{
		next unless $end;
		$s->{select}->remove($end);
		delete $s->{peer}{$end};
		delete $s->{is_server}{$end};
		delete $s->{skip}{$end};
		CORE::close $end;
	}
	return;
}

=pod

=back

=cut

1;
