# Copyright (c) 2026 the advisory_lock authors
#
# A server that is frozen at the other end of TLS: closing such a connection
# has something to say, and waits for nobody.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $missing = missing_program('openssl');
plan skip_all => "$missing is not installed" if $missing;

my $node = start_node('main');
my $data = $node->data_dir;
system_or_bail('openssl', qw(req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost),
	'-keyout', "$data/server.key", '-out', "$data/server.crt");
chmod 0600, "$data/server.key" or die "could not chmod: $!";
$node->append_conf('postgresql.conf', "ssl = on\nlisten_addresses = '127.0.0.1'");
append_to_file("$data/pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
$node->restart;
$ENV{WITHLOCK_DB} = 'host=127.0.0.1 port=' . $node->port . ' dbname=postgres sslmode=require';

sub session_of
{
	my ($name) = @_;

	return wait_until
	{
		$node->safe_psql('postgres',
			"SELECT a.pid FROM pg_stat_activity AS a JOIN pg_stat_ssl AS s ON s.pid = a.pid AND s.ssl WHERE application_name = '$name'");
	}
	'the session';
}

# The end of withlock, whose session is frozen.
sub ends
{
	my ($running, $name, $act, $status, $limit, $what) = @_;
	my $backend = session_of($name);

	kill 'STOP', $backend;
	my $begin = time;
	$act->();
	is($running->wait, $status, $what);
	cmp_ok(time - $begin, '<', $limit, sprintf '... after %.1f s', time - $begin);
	kill 'CONT', $backend;
	return;
}

# A holder: its command ends, or gets TERM
my $running = start_withlock('x', '--lock-delay', '0', '--', 'sh', '-c', 'echo ready; trap "exit 3" TERM; while :; do sleep 0.05; done');
$running->wait_output(qr/ready/);
ends($running, 'withlock: x', sub { kill 'TERM', $running->pid }, 3, 20, 'a holder whose command ends has its status');

# A waiter
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('x')");
$running = start_withlock('x', '--lock-delay', '0', '--', 'true');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
ends($running, 'withlock: x', sub { kill 'TERM', $running->pid }, 128 + 15, 20, 'a waiter ends by TERM');
$holder->quit;

# Observers, whose answers somebody keeps who works on a catalog
my @looks = (['--list', '--watch'], ['--list'], ['--status', 'x'], ['--kill', 'x']);
my $catalog = session($node);
$catalog->query('BEGIN; LOCK TABLE pg_depend IN ACCESS EXCLUSIVE MODE');
my @running = map { start_withlock(@$_) } @looks;
my $sessions = wait_until
{
	my @pids = split /\n/, $node->safe_psql('postgres',
		"SELECT a.pid FROM pg_stat_activity AS a JOIN pg_stat_ssl AS s ON s.pid = a.pid AND s.ssl WHERE application_name = 'withlock' AND wait_event_type = 'Lock'");
	@pids == @looks ? \@pids : undef;
}
'they wait';
my @backends = @$sessions;
kill 'STOP', @backends;
foreach my $i (0 .. $#looks)
{
	is($running[$i]->wait, 69, "@{ $looks[$i] }: no answer is 69");
	cmp_ok($running[$i]->seconds, '<', 30, sprintf '... after %.1f s', $running[$i]->seconds);
}
kill 'CONT', @backends;
$catalog->quit;

done_testing();
