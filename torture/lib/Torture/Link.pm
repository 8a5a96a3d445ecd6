# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Link - a link to the server that can be cut, held up and slowed down

=head1 DESCRIPTION

A process that passes on what clients and server say.  What it holds up it
delivers later, as a network does.  Orders, a word each: pass, cut, hold,
hold-to-server, hold-to-client, delay.

=cut

package Torture::Link;

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep);

sub new
{
	my ($class, $directory, $target) = @_;

	mkdir $directory or die "$directory: $!\n";
	my $listener = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.5000", Listen => 20) or die "link: $!\n";
	pipe(my $orders, my $commander) or die "pipe: $!\n";
	my $self = bless { directory => $directory, commander => $commander }, $class;
	$self->{pid} = fork // die "fork: $!\n";
	return $self if $self->{pid};
	close $commander;
	$SIG{PIPE} = 'IGNORE';
	$SIG{$_} = 'DEFAULT' foreach qw(TERM INT);
	serve({ listener => $listener, orders => $orders, target => $target, mode => 'pass', peer => {}, to => {} });
	POSIX::_exit(0);
}

sub conninfo { return "host=$_[0]->{directory} port=5000 user=postgres dbname=postgres"; }

sub order
{
	my ($self, $order) = @_;

	syswrite $self->{commander}, "$order\n";
	return;
}

sub stop
{
	my ($self) = @_;

	close $self->{commander};
	waitpid $self->{pid}, 0;
	return;
}

sub serve
{
	my ($s) = @_;

	while (1)
	{
		my $select = IO::Select->new($s->{orders}, $s->{listener}, map { $s->{peer}{$_}[0] } sockets($s));

		foreach my $ready ($select->can_read(1))
		{
			if ($ready == $s->{orders}) { obey($s) or return; }
			elsif ($ready == $s->{listener}) { connect_one($s); }
			elsif ($s->{peer}{$ready}) { pass_on($s, $ready); }
		}
	}
}

# Those that are read from now.
sub sockets
{
	my ($s) = @_;

	return if $s->{mode} eq 'hold';
	return grep { $s->{mode} ne "hold-to-$s->{to}{$_}" } keys %{ $s->{peer} };
}

sub obey
{
	my ($s) = @_;

	sysread($s->{orders}, my $text, 1000) or return 0;
	foreach my $order (split /\n/, $text)
	{
		if ($order =~ /^target (.*)/) { $s->{target} = $1; }
		elsif ($order eq 'cut') { drop($s, $_) foreach map { $_->[0] } values %{ $s->{peer} }; }
		else { $s->{mode} = $order; }
	}
	return 1;
}

sub connect_one
{
	my ($s) = @_;
	my $client = $s->{listener}->accept or return;
	my $server = IO::Socket::UNIX->new(Peer => $s->{target}) or return;

	# what is read from a socket goes to its peer, which is at that end
	$s->{peer}{$client} = [ $client, $server ];
	$s->{peer}{$server} = [ $server, $client ];
	$s->{to}{$client} = 'server';
	$s->{to}{$server} = 'client';
	return;
}

sub pass_on
{
	my ($s, $from) = @_;
	my $read = sysread $from, my $data, 65536;

	sleep 0.002 + rand 0.02 if $s->{mode} eq 'delay';
	my $to = $s->{peer}{$from}[1];
	my $done = 0;
	while ($read && $done < $read)
	{
		my $written = syswrite $to, $data, $read - $done, $done or last;
		$done += $written;
	}
	drop($s, $from) if !$read || $done < $read;
	return;
}

sub drop
{
	my ($s, $socket) = @_;
	my $pair = delete $s->{peer}{$socket} or return;

	delete $s->{peer}{ $pair->[1] };
	close $_ foreach @$pair;
	return;
}

1;
