# Copyright (c) 2026 the advisory_lock authors
#
# libadvlock through pgbouncer, with a standby, over TCP, and with a server
# that only pretends to lock.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Proxy;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $program = "$dir/advlock_test";
compile($program, test_sources(), @shared_library);

my $node = start_node('primary', init => [ allows_streaming => 1 ]);

$node->safe_psql('postgres', 'CREATE DATABASE plain');

# The lines of a database in each mode, with one connection to the server for
# the one in transaction mode.
sub pooled
{
	my ($dbname) = @_;

	my $server = $node->host . ' port=' . $node->port;
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $database = "host=$server dbname=$dbname user=$user";
	return "transaction_$dbname = $database pool_mode=transaction pool_size=1\n"
	  . "session_$dbname = $database pool_mode=session pool_size=5\n";
}

# Returns the process.
sub start_pgbouncer
{
	my ($socket_dir, $port) = @_;

	append_to_file("$dir/pgbouncer.ini",
		"[databases]\n" . pooled('postgres') . pooled('plain') . <<~INI);
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
	skip "$missing is not installed", 8 if $missing;

	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
	my $socket_dir = PostgreSQL::Test::Utils::tempdir_short;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $process = start_pgbouncer($socket_dir, $port);

	foreach my $dbname (qw(postgres plain))
	{
		local $ENV{TEST_TRANSACTION_POOLER} =
		  "host=$socket_dir port=$port dbname=transaction_$dbname";
		local $ENV{TEST_SESSION_POOLER} =
		  "host=$socket_dir port=$port dbname=session_$dbname";
		passes("$_ ($dbname)", $program, conninfo($node, $dbname), $_)
		  foreach library_tests($program, 'pooler');
	}
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

# Like servers whose advisory locks do nothing, but for show.
$node->safe_psql('postgres', 'CREATE DATABASE stub');
foreach my $xact ('', 'xact_')
{
	$node->safe_psql(
		'stub', qq{
		SET allow_system_table_mods = on;
		ALTER FUNCTION pg_advisory_${xact}lock(int, int) RENAME TO real_${xact}lock;
		ALTER FUNCTION pg_try_advisory_${xact}lock(int, int) RENAME TO real_try_${xact}lock;
		CREATE FUNCTION pg_catalog.pg_advisory_${xact}lock(int, int)
			RETURNS void LANGUAGE sql AS '';
		CREATE FUNCTION pg_catalog.pg_try_advisory_${xact}lock(int, int)
			RETURNS bool LANGUAGE sql AS 'SELECT true'});
}
$ENV{TEST_STUB} = conninfo($node, 'stub');
passes($_, $program, conninfo($node), $_)
  foreach library_tests($program, 'stub');

# What CockroachDB says to a client that connects: it is that, and ready.
sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

my %parameters = (
	server_version => '13.0.0',
	crdb_version => 'CockroachDB CCL v23.1.0',
	default_transaction_read_only => 'off',
	in_hot_standby => 'off');
my $cockroach = Proxy->new(
	undef,
	greeting => message('R', pack('N', 0))
	  . join('', map { message('S', "$_\0$parameters{$_}\0") } sort keys %parameters)
	  . message('K', pack('NN', 1, 1))
	  . message('Z', 'I'));
$ENV{TEST_COCKROACH} = $cockroach->conninfo;
passes($_, $program, conninfo($node), $_)
  foreach library_tests($program, 'cockroach');

$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->restart;
$ENV{TEST_TCP} = 'dbname=postgres host=127.0.0.1 port=' . $node->port;
passes($_, $program, conninfo($node), $_)
  foreach library_tests($program, 'tcp');

done_testing();
