# Copyright (c) 2026 the advisory_lock authors
#
# withlock and a list of hosts whose first cannot be used: it does not answer,
# refuses, is a standby, or is not what it says.

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::PrivateNetwork;

use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Proxy;
use Withlock;

my $missing = missing_program('ip');
plan skip_all => "$missing is not installed" if $missing;
$ENV{PATH} .= ':/usr/sbin:/sbin';

my $node = start_node('main', init => [ allows_streaming => 1 ]);
my $port = $node->port;
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');

# Accepts, by its kernel, and says nothing.
my $dir = PostgreSQL::Test::Utils::tempdir_short;
my $silent = IO::Socket::UNIX->new(Local => "$dir/.s.PGSQL.$port", Listen => 100)
  or die "could not listen: $!";

# Packets to 10.9.9.2 go nowhere.
system_or_bail('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there');
system_or_bail('ip', 'addr', 'add', '10.9.9.1/24', 'dev', 'here');
system_or_bail('ip', 'link', 'set', $_, 'up') foreach 'here', 'there';
system_or_bail('ip', 'neigh', 'add', '10.9.9.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'here', 'nud', 'permanent');

# Refuses when it has found out who it is.
my $refusing = start_node('refusing', extension => 0);
$refusing->safe_psql('postgres', 'ALTER DATABASE postgres CONNECTION LIMIT 0; CREATE ROLE limited LOGIN');
$node->safe_psql('postgres', 'CREATE ROLE limited LOGIN; GRANT USAGE ON SCHEMA advisory_lock TO limited');

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

foreach my $case (
	[ 'a silent host', $dir, $port ],
	[ 'a host whose packets are dropped', '10.9.9.2', $port ],
	[ 'a host that refuses after authentication', $refusing->host, $refusing->port, '-U', 'limited' ],
	[ 'a standby', $standby->host, $standby->port ])
{
	my ($name, $first, $first_port, @who) = @$case;
	my $both = "host=$first," . $node->host . " port=$first_port,$port dbname=postgres";
	my @run = ('--', 'echo', 'ran');

	is(withlock('x', '-d', $both, @who, '-t', '20s', @run)->stdout, "ran\n", "$name first: with -t");
	is(withlock('x', '-d', "$both connect_timeout=1", @who, @run)->stdout, "ran\n", '... with connect_timeout');
	is(withlock('x', '-d', $both, @who, '-n', @run)->stdout, "ran\n", '... with neither, and not waiting for the lock');

	# A tool's key is looked up where the lock is taken: on the host that can be used.
	my @key = ('--key', 'prisma', '-d', $both, @who);
	is(withlock(@key, '-t', '20s', @run)->stdout, "ran\n", '... a key of a tool, with -t');
	my $keeper = session($node);
	$keeper->query('SELECT pg_advisory_lock(72707369)');
	is(withlock(@key, '-n', @run)->status, 75, '... a key of a tool that is held');
	$keeper->quit;

	foreach my $lock ([ "'x'", 'x' ], [ '72707369', '--key', 'prisma' ])
	{
		my ($argument, @lock) = @$lock;
		my $leader = start_withlock(@lock, '-d', $both, @who, '--keep', '--lock-delay', '0', '--',
			'sh', '-c', 'echo begin; exec sleep 1000');
		$leader->wait_output(qr/begin\n/);
		is($node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders($argument)"), 1, "... with --keep: @lock is held");
		$leader->wait_output(qr/begin\nbegin\n/);
		pass('... and again when it was lost');
		kill 'TERM', $leader->pid;
		$leader->wait;
	}
}

# A pooler such as pgpool connects to the primary and sends what reads elsewhere.
my $distributing = Proxy->new($standby, pretend_primary => 1);
foreach my $options ([], ['--transaction'])
{
	my $ended = withlock('x', '-d', $distributing->conninfo, @$options, 'true');

	is($ended->status, 69, "statements come to a standby all the same @$options");
	like($ended->stderr, qr/pgpool/, '... and who does that is named');
}
$distributing->close;

# A role that only reads by default is on the primary all the same.
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA advisory_lock TO reader;
ALTER ROLE reader SET default_transaction_read_only = on;
EOT
foreach my $options ([], ['--transaction'])
{
	my $ended = withlock('x', '-d', conninfo($node), '-U', 'reader', @$options, '--', 'sh', '-c', 'echo $WITHLOCK_TOKEN');

	like($ended->stdout, qr/^[1-9]\d*$/, "a role that reads by default has the lock and a token @$options") or diag $ended->stderr;
}

my $ended = withlock('x', '-d', "host=$dir,$dir/nowhere port=$port", '-t', '2s', 'true');
is($ended->status, 69, 'none of them answers');
is(() = $ended->stderr =~ /failed: /g, 2, '... and each is named with a reason');

done_testing();
