# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Pooler - how a pgbouncer of the tests is configured

=head1 SYNOPSIS

  my $file = configure_pooler($directory, $server, 'postgres', 'transaction', 4);
  system('pgbouncer', '-d', $file);      # host=$directory port=5000

=head1 DESCRIPTION

Writes the files of a pgbouncer that listens in the directory for one user, and
passes everything on to one server, with so many connections at most; returns
the name of the file to start it with.

=cut

package AdvisoryLock::Pooler;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(configure_pooler);

sub configure_pooler
{
	my ($directory, $server, $user, $mode, $size) = @_;

	write_file("$directory/users", qq{"$user" ""\n});
	write_file("$directory/ini", <<"EOT");
[databases]
* = $server
[pgbouncer]
listen_addr =
listen_port = 5000
unix_socket_dir = $directory
auth_type = trust
auth_file = $directory/users
pool_mode = $mode
default_pool_size = $size
logfile = $directory/log
EOT
	return "$directory/ini";
}

sub write_file
{
	my ($file, $content) = @_;

	open my $handle, '>', $file or die "could not open $file: $!\n";
	print $handle $content;
	close $handle or die "could not write $file: $!\n";
	return;
}

1;
