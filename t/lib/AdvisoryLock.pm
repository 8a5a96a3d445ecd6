# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock - what the TAP tests share

=head1 SYNOPSIS

  use PostgreSQL::Test::Cluster;
  use PostgreSQL::Test::Utils;
  use Test::More;
  use AdvisoryLock;

  my $node = start_node('main');
  my $holder = session($node);
  my $waiter = session($node);

  $holder->query("SELECT advisory_lock.lock('job')");
  $waiter->start("SELECT advisory_lock.lock('job')");
  $waiter->wait_blocked;
  $holder->query("SELECT advisory_lock.unlock('job')");
  my $token = $waiter->finish;

The sessions are described in AdvisoryLock::Session.

=cut

package AdvisoryLock;

use strict;
use warnings FATAL => 'all';

use Carp;
use Exporter 'import';
use Time::HiRes ();

use AdvisoryLock::Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use if defined $ENV{ADVISORY_LOCK_SCARCE}, 'AdvisoryLock::Scarce';

our @EXPORT = qw(
  configure_registry
  conninfo
  crash_backend
  missing_program
  preloads
  session
  start_node
  wait_until
  wait_until_up
);

=pod

=head1 FUNCTIONS

=over

=item start_node(name, %options)

Makes and starts a server of its own and returns its PostgreSQL::Test::Cluster.
Its databases are in UTF8.  It is stopped and removed when the test ends.
Options:

  extension => 0    do not create the extension in database postgres
  preload => 0|1    shared_preload_libraries; default: where the registry
                    needs it, before PostgreSQL 17; 1 everywhere if the
                    environment has ADVISORY_LOCK_PRELOAD=1
  conf => TEXT      appended to postgresql.conf
  init => [...]     passed to init(), such as [allows_streaming => 1]

=cut

sub start_node
{
	my ($name, %opts) = @_;

	my $node = PostgreSQL::Test::Cluster->new($name);
	# The caller's locale must not decide on the encoding.
	$node->init(
		extra => [ '--no-locale', '--encoding=UTF8' ],
		@{ $opts{init} // [] });
	configure_registry($node, $opts{preload});
	$node->append_conf('postgresql.conf', $opts{conf}) if defined $opts{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION advisory_lock')
	  if $opts{extension} // 1;
	return $node;
}

=pod

=item configure_registry(node, preload)

Appends shared_preload_libraries to the configuration of a server that was
initialized but not started, as start_node() does.

=cut

sub configure_registry
{
	my ($node, $preload) = @_;

	# A version object compares with "<" in every major's Cluster.pm.
	$preload //= $ENV{ADVISORY_LOCK_PRELOAD} // $node->pg_version < 17;
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'advisory_lock'")
	  if $preload;
	return;
}

=pod

=item preloads(node)

Whether that server has the library preloaded.

=cut

sub preloads
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SHOW shared_preload_libraries') =~ /\badvisory_lock\b/;
}

=pod

=item conninfo(node, dbname)

The connection string of a database, "postgres" unless given, to put behind
an option of a program.

=cut

sub conninfo
{
	my ($node, $dbname) = @_;

	return $node->connstr($dbname // 'postgres');
}

=pod

=item session(node, dbname, %options)

A database session that stays open, an AdvisoryLock::Session.

=cut

sub session
{
	my ($node, $dbname, %opts) = @_;

	return AdvisoryLock::Session->new($node, $dbname // 'postgres', %opts);
}

=pod

=item wait_until { CONDITION } 'what is awaited'

Evaluates the block until it is true, and returns what it returned.  Dies
after the default timeout of the tests, PG_TEST_TIMEOUT_DEFAULT.

=cut

sub wait_until(&$)
{
	my ($condition, $what) = @_;

	my $deadline =
	  Time::HiRes::time() + $PostgreSQL::Test::Utils::timeout_default;
	while (1)
	{
		my $result = $condition->();
		return $result if $result;
		croak "timed out waiting until $what"
		  if Time::HiRes::time() > $deadline;
		Time::HiRes::usleep(10_000);
	}
}

=pod

=item crash_backend(node, pid)

Kills a server process, and returns when the server is back, which ends all
its other processes and starts anew.  It must have restart_after_crash on.

=cut

sub crash_backend
{
	my ($node, $pid) = @_;

	# Until the server has noticed, it still takes connections.
	my $witness = session($node);
	kill 'KILL', $pid;
	wait_until { !kill 0, $witness->pid } 'the crash is noticed';
	wait_until_up($node);
	$witness->quit;
	return;
}

=pod

=item wait_until_up(node)

Returns when a server takes connections that has been there before.  Not by
psql, which as long as it does not would end before it is told what to ask.

=cut

sub wait_until_up
{
	my ($node) = @_;

	wait_until { system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0 } 'the server is back';
	return;
}

=pod

=item missing_program(names)

The first of the programs that cannot be found, or undef, for a skip with a
reason.

=cut

sub missing_program
{
	foreach my $program (@_)
	{
		return $program
		  unless grep { -x "$_/$program" } split(/:/, $ENV{PATH}),
		  '/usr/sbin', '/sbin';
	}
	return;
}

=pod

=back

=cut

1;
