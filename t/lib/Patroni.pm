# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Patroni - two PostgreSQL nodes that take each other's place

=head1 SYNOPSIS

  my $cluster = Patroni->new(settings => { ttl => 20, loop_wait => 1, retry_timeout => 3 });
  my $primary = $cluster->primary;		# 0 or 1
  $cluster->switchover;
  $cluster->wait_complete;				# both are there, and one follows the other

=head1 DESCRIPTION

Each node is a Patroni with the server that it runs, and both use one etcd, all
on loopback.  Whatever the cluster has started ends with the test.

=cut

package Patroni;

use strict;
use warnings FATAL => 'all';

use HTTP::Tiny;
use JSON::PP;

use AdvisoryLock qw(wait_until);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Withlock qw(children_of start_program);

my @clusters;

END
{
	my $status = $?;
	foreach my $cluster (@clusters)
	{
		$cluster->kill_node($_) foreach 0, 1;
	}
	$? = $status;
}

=pod

=head1 METHODS

=over

=item new(settings => {...}, parameters => {...})

Starts a cluster with these settings of Patroni's and parameters of
PostgreSQL's, and returns when it is complete.

=cut

sub new
{
	my ($class, %options) = @_;
	my $self = bless { %options, directory => PostgreSQL::Test::Utils::tempdir_short(), nodes => [] }, $class;

	push @clusters, $self;
	$self->start_etcd;
	push @{ $self->{nodes} }, $self->make_node($_) foreach 0, 1;
	$self->start_patroni(0);
	wait_until { defined $self->primary } 'a node is the primary';
	$self->start_patroni(1);
	$self->wait_complete;
	return $self;
}

sub start_etcd
{
	my ($self) = @_;
	my ($client, $peer) = map { "http://127.0.0.1:" . PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;

	$self->{etcd} = $client;
	start_program({ env => { ETCD_UNSUPPORTED_ARCH => undef } }, 'etcd', '--data-dir', "$self->{directory}/etcd",
		'--listen-client-urls', $client, '--advertise-client-urls', $client, '--listen-peer-urls', $peer,
		'--initial-advertise-peer-urls', $peer, '--initial-cluster', "default=$peer");
	wait_until { HTTP::Tiny->new->get("$client/health")->{content} =~ /true/ } 'etcd is there';
	return;
}

# JSON is YAML, too.
sub make_node
{
	my ($self, $i) = @_;
	my ($port, $api) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;
	my $directory = "$self->{directory}/node$i";
	my $config = "$self->{directory}/node$i.yml";
	my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
	my %configuration = (
		scope => 'test',
		name => "node$i",
		restapi => { listen => "127.0.0.1:$api", connect_address => "127.0.0.1:$api" },
		etcd3 => { host => $self->{etcd} =~ s{http://}{}r },
		bootstrap => {
			dcs => {
				%{ $self->{settings} },
				postgresql => {
					use_pg_rewind => JSON::PP::true,
					parameters => { wal_log_hints => 'on', %{ $self->{parameters} // {} } } } },
			initdb => [ { encoding => 'UTF8' }, 'no-locale', 'no-sync' ],
			pg_hba => [ map { "host $_ all 127.0.0.1/32 trust" } 'all', 'replication' ] },
		postgresql => {
			listen => "127.0.0.1:$port",
			connect_address => "127.0.0.1:$port",
			data_dir => $directory,
			bin_dir => $bindir,
			basebackup => { checkpoint => 'fast' },
			pgpass => "$directory.pgpass",
			authentication => {
				superuser => { username => 'postgres', password => 'trusted' },
				replication => { username => 'replicator', password => 'trusted' } },
			parameters => { unix_socket_directories => $self->{directory} } });

	append_to_file($config, encode_json(\%configuration));
	return { port => $port, api => $api, directory => $directory, config => $config,
		log => "$PostgreSQL::Test::Utils::log_path/patroni_$port.log" };
}

=pod

=item start_patroni(i)

Starts a Patroni, and so its server.

=cut

sub start_patroni
{
	my ($self, $i) = @_;
	my $node = $self->{nodes}[$i];

	$node->{patroni} = start_program({ map { $_ => "$node->{log}" } "stdout", "stderr" },
		'patroni', $node->{config});
	return;
}

=pod

=item postmaster(i)

The process id of the node's server, or undef.

=cut

sub postmaster
{
	my ($self, $i) = @_;

	open my $file, '<', "$self->{nodes}[$i]{directory}/postmaster.pid" or return;
	my ($pid) = (<$file> // '') =~ /^(\d+)/;
	return defined $pid && kill(0, $pid) ? $pid : undef;
}

=pod

=item processes(i)

Those of the node: its Patroni first, then its server and that one's children.

=cut

sub processes
{
	my ($self, $i) = @_;
	my $patroni = $self->{nodes}[$i]{patroni};
	my $postmaster = $self->postmaster($i);

	return (
		$patroni && !$patroni->has_ended ? $patroni->pid : (),
		defined $postmaster ? ($postmaster, children_of($postmaster)) : ());
}

=pod

=item kill_node(i), kill_patroni(i), kill_postmaster(i)

By SIGKILL: all that belongs to the node, as when a host is gone, or one
process.

=cut

sub kill_node
{
	my ($self, $i) = @_;

	kill 'KILL', $self->processes($i) if $self->{nodes}[$i];
	return;
}

sub kill_patroni
{
	my ($self, $i) = @_;

	kill 'KILL', $self->{nodes}[$i]{patroni}->pid;
	return;
}

sub kill_postmaster
{
	my ($self, $i) = @_;

	kill 'KILL', $self->postmaster($i);
	return;
}

=pod

=item conninfo(i)

How to connect to a node; to any of them without i.

=cut

sub conninfo
{
	my ($self, $i) = @_;
	my @nodes = defined $i ? $self->{nodes}[$i] : @{ $self->{nodes} };

	return sprintf 'host=%s port=%s user=postgres dbname=postgres', join(',', map { '127.0.0.1' } @nodes),
	  join(',', map { $_->{port} } @nodes);
}

=pod

=item query(i, sql)

What the node answers; undef if it does not, within a few seconds.

=cut

sub query
{
	my ($self, $i, $sql) = @_;
	my $out;

	local $ENV{PGCONNECT_TIMEOUT} = 3;
	IPC::Run::run([ 'psql', '-qXAt', '-d', $self->conninfo($i), '-c', $sql ], '<', \undef, '>', \$out, '2>', \my $err)
	  or return;
	chomp $out;
	return $out;
}

=pod

=item primary()

The node that takes writes, or undef.

=cut

sub primary
{
	my ($self) = @_;
	my ($primary) = grep { $self->is_primary($_) } 0, 1;

	return $primary;
}

sub is_primary
{
	my ($self, $i) = @_;

	return ($self->query($i, 'SELECT pg_is_in_recovery()') // '') eq 'f';
}

=pod

=item wait_complete()

Waits until one node is the primary and the other has all that it has.

=cut

sub wait_complete
{
	my ($self) = @_;

	wait_until
	{
		my $primary = $self->primary // return;
		$self->api_status($primary, 'primary') && $self->api_status(1 - $primary, 'replica')
		  && ($self->query($primary, 'SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()') // 0) == 1;
	}
	'the cluster is complete';
	return;
}

sub api_status
{
	my ($self, $i, $what) = @_;

	return HTTP::Tiny->new(timeout => 3)->get("http://127.0.0.1:$self->{nodes}[$i]{api}/$what")->{status} == 200;
}

=pod

=item switchover()

Asks the nodes to change their roles; returns at once.

=back

=cut

sub switchover
{
	my ($self) = @_;
	my $primary = $self->primary;
	my %request = (leader => "node$primary", candidate => 'node' . (1 - $primary));
	my $config = $self->{nodes}[$primary]{api};

	start_program({}, $^X, '-MHTTP::Tiny', '-e', 'HTTP::Tiny->new->post($ARGV[0], {content => $ARGV[1]})',
		"http://127.0.0.1:$config/switchover", encode_json(\%request));
	return;
}

1;
