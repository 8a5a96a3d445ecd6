# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

FakeServer - something that speaks the protocol of PostgreSQL and talks nonsense

=head1 SYNOPSIS

  use FakeServer;

  my $fake = FakeServer->new($seed);
  $ENV{PGHOST} = $fake->host;

=cut

package FakeServer;

use strict;
use warnings FATAL => 'all';

use parent 'AdvisoryLock::Listener';

# What columns say: what a server might, and what none would.
my @VALUES = (
	undef, '', 't', 'f', '0', '1', '2', '-1', '7', 't1', '{', '{}', '{1', '{1,2}', '{1,2,3}', '{,}',
	'99999999999999999999', '-99999999999999999999', '2147483648', "\xff\xfe", 'NULL', "\e]0;title\a\r\x9b31m", 'waiting', 'leased', 'x' x 70_000);

=pod

=head1 METHODS

=over

=item new(seed)

Listens, in a process of its own.  Each connection is served by a random
choice of nonsense that the seed and the number of the connection determine.

=cut

sub new
{
	my ($class, $seed) = @_;

	return $class->listen(
		sub {
			my ($listener) = @_;

			while (my $client = $listener->accept)
			{
				srand($seed++);
				eval { serve($client); };
				$client->close;
			}
		});
}

sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

# One time in so many.
sub rarely { return rand($_[0]) < 1; }

sub take
{
	my ($client, $length) = @_;
	my $data = '';

	while (length $data < $length)
	{
		$client->sysread($data, $length - length $data, length $data)
		  or die "the client has gone\n";
	}
	return $data;
}

sub say_it
{
	my ($client, $data) = @_;

	if (rarely(60))
	{
		# half of it, and then nothing more, or the end
		$client->syswrite(substr $data, 0, length($data) / 2);
		sleep 1 if rarely(2);
		die "enough\n";
	}
	$client->syswrite($data) // die "the client has gone\n";
	return;
}

sub serve
{
	my ($client) = @_;

	# questions for encryption, and a sign of life, come before
	while (1)
	{
		my $length = unpack 'N', take($client, 4);
		my $code = unpack 'N', take($client, $length - 4);
		last if $code == 196608;
		$client->syswrite('N');
	}
	my %parameters = (
		server_version => '15.0', client_encoding => 'UTF8', server_encoding => 'UTF8',
		is_superuser => rarely(2) ? 'on' : 'off', in_hot_standby => 'off',
		default_transaction_read_only => 'off', standard_conforming_strings => 'on');
	say_it($client, message('R', pack 'N', 0)
		  . join('', map { message('S', "$_\0$parameters{$_}\0") } sort keys %parameters)
		  . message('K', pack 'NN', 4242, 1) . message('Z', 'I'));
	my $first = 1;
	while (1)
	{
		answer($client, \$first);
	}
	return;
}

# The answers to everything up to the next Sync.
sub answer
{
	my ($client, $first) = @_;
	my ($sql, $reply) = ('', '');

	while (1)
	{
		my ($type, $length) = unpack 'aN', take($client, 5);
		my $body = take($client, $length - 4);

		die "good-bye\n" if $type eq 'X';
		if ($type eq 'P') { (undef, $sql) = split /\0/, $body; }
		$reply .= reply_to($sql) if $type eq 'E';
		last if $type eq 'S';
	}
	$reply .= message('N', "SWARNING\0VWARNING\0C01000\0Mhow odd\0\0") if rarely(10);
	$reply .= message('Z', rarely(20) ? 'E' : 'I') unless rarely(60);
	say_it($client, $reply);
	return;
}

sub reply_to
{
	my ($sql) = @_;

	return '' if rarely(40);
	return message('E', "SERROR\0VERROR\0C" . (qw(42883 55P03 40P01 57014 22P05 XX000))[rand 6] . "\0Mno\0\0")
	  if rarely(12);
	return message('E', "SERROR\0Mno code\0\0") if rarely(60);
	return message('E', "SFATAL\0VFATAL\0C57P01\0Mthe end\0\0") if rarely(60);
	return message('1', '') . message('2', '') . rows($sql);
}

# Mostly what is expected, so that the next question comes as well.
sub rows
{
	my ($sql) = @_;
	my @row = $sql =~ /pg_is_in_recovery/ ? ('4242', 'f', rarely(2) ? 't' : 'f', '1.5', 't')
	  : $sql =~ /CALL .*acquire_many/ ? ('{5,6}')
	  : $sql =~ /CALL/ ? ('5', '1')
	  : $sql =~ /l\.position/ ? ('4242', undef)
	  : ('t');

	return message('n', '') . message('C', "BEGIN\0") if $sql =~ /^[A-Z ]+(?:advlock|$)/;
	@row = map { rarely(8) ? $VALUES[ rand @VALUES ] : $_ } @row;
	@row = @row[ 0 .. rand @row ] if rarely(12);
	push @row, @VALUES if rarely(30);
	my $columns = pack('n', scalar @row)
	  . join('', map { "c\0" . pack('NnNnNn', 0, 0, 25, -1 & 0xffff, 0, rarely(40) ? 1 : 0) } @row);
	my $data = pack('n', scalar @row)
	  . join('', map { defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff) } @row);
	my $count = rarely(15) ? int rand 5 : 1;
	$data = pack('nN', 1, 0x7fffffff) . 'short' if rarely(60);
	return message('T', $columns) . message('D', $data) x $count . message('C', "SELECT $count\0");
}

=pod

=back

=cut

1;
