# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Server - a server to be ill-treated

=head1 DESCRIPTION

Unlike PostgreSQL::Test::Cluster it expects its server to be dead at any time,
and never gives up the run for that.  Its programs are found by PATH.

=cut

package Torture::Server;

use strict;
use warnings FATAL => 'all';

use POSIX ();
use Time::HiRes qw(sleep time);

=pod

=head1 METHODS

=over

=item new(directory, port, registry => 0|1, conf => [...], address => ADDRESS, wal => DIR)

Makes a server with its databases and starts it.  With an address, who comes over
the network is trusted; wal is where there is a disk for the write-ahead log.

=item standby(directory, port, synchronous => 0|1)

Makes a standby of this one and starts it.

=cut

sub new
{
	my ($class, $directory, $port, %opts) = @_;
	my $self = bless { directory => $directory, port => $port, log => "$directory.log", address => $opts{address} // '', wal => $opts{wal} }, $class;

	$self->run('initdb', '-D', $directory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N',
		$opts{wal} ? ('-X', $self->wal_directory, '--wal-segsize=1') : ())
	  or die "initdb failed, see $self->{log}\n";
	write_to("$directory/pg_hba.conf", "host all all $opts{address}/16 trust") if $opts{address};
	$self->configure($opts{registry} ? "shared_preload_libraries = 'advisory_lock'" : '', @{ $opts{conf} // [] });
	$self->start or die "the server does not start, see $self->{log}\n";
	return $self;
}

sub configure
{
	my ($self, @lines) = @_;
	(my $sockets = $self->{directory}) =~ s{/[^/]*$}{};

	write_to("$self->{directory}/postgresql.conf", "port = $self->{port}", "listen_addresses = '$self->{address}'",
	  "unix_socket_directories = '$sockets'", 'max_connections = 60', 'restart_after_crash = on',
	  'fsync = off', 'wal_level = replica', 'max_wal_senders = 5', 'hot_standby = on',
	  'max_locks_per_transaction = 10', 'client_connection_check_interval = 500',
	  'shared_buffers = 16MB', 'log_min_messages = warning', @lines);
	$self->{sockets} = $sockets;
	return;
}

sub wal_directory { return "$_[0]->{wal}/$_[0]->{port}"; }

sub remove
{
	my ($self) = @_;

	system 'rm', '-rf', $self->{directory}, $self->{wal} ? $self->wal_directory : ();
	return;
}

sub write_to
{
	my ($file, @lines) = @_;

	open my $handle, '>>', $file or die "$file: $!\n";
	print $handle map { "$_\n" } @lines;
	close $handle;
	return;
}

sub standby
{
	my ($self, $directory, $port, %opts) = @_;
	my $standby = bless { directory => $directory, port => $port, log => "$directory.log", address => $self->{address}, wal => $self->{wal} }, ref $self;

	$standby->run('pg_basebackup', '-c', 'fast', '-R', '-D', $directory,
		'-d', $self->conninfo . ' application_name=standby', $self->{wal} ? ('--waldir', $standby->wal_directory) : ())
	  or return;
	$standby->configure;
	$standby->start or return;
	return $standby;
}

=pod

=item conninfo()

=item postmaster()

The process id, or undef when there is none.

=cut

sub conninfo
{
	my ($self, $dbname) = @_;

	return "host=$self->{sockets} port=$self->{port} user=postgres dbname=" . ($dbname // 'postgres');
}

sub postmaster
{
	my ($self) = @_;

	open my $handle, '<', "$self->{directory}/postmaster.pid" or return;
	my ($pid) = (readline($handle) // '') =~ /^(\d+)/;
	return $pid;
}

=pod

=item start(), stop(mode), kill_postmaster(), promote()

start() tries for a while, since what is left of a killed server may have to
end first.

=cut

sub start
{
	my ($self) = @_;

	foreach (1 .. 60)
	{
		return 1
		  if $self->run('pg_ctl', '-D', $self->{directory}, '-l', $self->{log}, '-w', '-t', '60', 'start')
		  || defined $self->sql('SELECT 1');
		sleep 0.5;
	}
	return 0;
}

sub stop
{
	my ($self, $mode) = @_;

	# at once, without a program that has to start first
	kill 'QUIT', $self->postmaster // () if $mode eq 'immediate';
	return $self->run('pg_ctl', '-D', $self->{directory}, '-m', $mode, '-w', '-t', '60', 'stop');
}

sub kill_postmaster
{
	my ($self) = @_;
	my $pid = $self->postmaster or return;

	kill 'KILL', $pid;
	sleep 0.05 while kill 0, $pid;
	return;
}

sub promote
{
	my ($self) = @_;

	return $self->run('pg_ctl', '-D', $self->{directory}, '-w', '-t', '60', 'promote');
}

=pod

=item sql(command...)

The output of psql, or undef when it failed or took more than ten seconds.

=item wait_ready(seconds)

=back

=cut

sub sql
{
	my ($self, @commands) = @_;
	my $pid = open my $output, '-|' // return;

	if ($pid == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		open STDERR, '>>', "$self->{directory}.psql" or POSIX::_exit(1);
		open STDIN, '<', '/dev/null' or POSIX::_exit(1);
		{
			no warnings 'exec';
			exec 'timeout', '10', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->conninfo,
			  map { ('-c', $_) } @commands;
		}
		POSIX::_exit(127);
	}
	local $/;
	my $text = readline($output) // '';
	close $output or return;
	$text =~ s/\n\z//;
	return $text;
}

sub wait_ready
{
	my ($self, $seconds) = @_;
	my $deadline = time + $seconds;

	until (defined $self->sql('SELECT 1'))
	{
		return 0 if time > $deadline;
		sleep 0.1;
	}
	return 1;
}

sub run
{
	my ($self, @command) = @_;
	my $pid = fork // return;

	if ($pid == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		open STDIN, '<', '/dev/null' or POSIX::_exit(1);
		open STDOUT, '>>', "$self->{log}.commands" or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
		{ no warnings 'exec'; exec @command; }
		POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return $? == 0;
}

1;
