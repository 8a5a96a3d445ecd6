# Copyright (c) 2026 the advisory_lock authors
#
# libadvlock through pgbouncer, and with a standby.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $program = "$dir/advlock_test";
compile($program, test_sources(), @shared_library);

my $node = start_node('primary', init => [ allows_streaming => 1 ]);

# Starts pgbouncer with a database in each mode, and one connection to the
# server for the one in transaction mode; returns its process.
sub start_pgbouncer
{
	my ($socket_dir, $port) = @_;

	my $server = $node->host . ' port=' . $node->port;
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $database = "host=$server dbname=postgres user=$user";
	append_to_file("$dir/pgbouncer.ini", <<~INI);
		[databases]
		transaction = $database pool_mode=transaction pool_size=1
		session = $database pool_mode=session pool_size=5
		[pgbouncer]
		listen_addr =
		listen_port = $port
		unix_socket_dir = $socket_dir
		auth_type = any
		INI
	my $log = '';
	my $process = IPC::Run::start([ 'pgbouncer', '-q', "$dir/pgbouncer.ini" ],
		'<', \undef, '>&', \$log);
	wait_until { -S "$socket_dir/.s.PGSQL.$port" } 'pgbouncer listens';
	return $process;
}

SKIP:
{
	my $missing = missing_program('pgbouncer');
	skip "$missing is not installed", 4 if $missing;

	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
	my $socket_dir = PostgreSQL::Test::Utils::tempdir_short;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $process = start_pgbouncer($socket_dir, $port);

	local $ENV{TEST_TRANSACTION_POOLER} =
	  "host=$socket_dir port=$port dbname=transaction";
	local $ENV{TEST_SESSION_POOLER} =
	  "host=$socket_dir port=$port dbname=session";
	passes($_, $program, conninfo($node), $_)
	  foreach library_tests($program, 'pooler');
	$process->signal('INT');
	$process->finish;
}

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

$ENV{TEST_STANDBY} = conninfo($standby);
$ENV{TEST_BOTH_HOSTS} = sprintf 'dbname=postgres host=%s,%s port=%s,%s',
  $standby->host, $node->host, $standby->port, $node->port;
passes($_, $program, conninfo($node), $_)
  foreach library_tests($program, 'standby');

done_testing();
