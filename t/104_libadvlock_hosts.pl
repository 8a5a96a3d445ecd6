# Copyright (c) 2026 the advisory_lock authors
#
# libadvlock and several hosts: silent, refusing, unreachable and slow to be
# found, standbys and primaries; and a server that freezes.

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::PrivateNetwork;

use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;
$ENV{PATH} .= ':/usr/sbin:/sbin';

my $dir = PostgreSQL::Test::Utils::tempdir;
my $program = "$dir/walk";
compile($program, [ 'client/tests/walk.c', 'client/tests/check.c' ], @shared_library);

# Results of libadvlock
my ($OK, $LOST, $CONNECTION, $POOLER, $STANDBY) = (0, 2, 7, 9, 10);

# What runs the program, if not we ourselves.
our @wrapper;

sub start_walk
{
	my ($conninfo, @words) = @_;

	my $walk = { output => '' };
	$walk->{run} = IPC::Run::start([ @wrapper, $program, $conninfo, @words ], '<', \undef, '>&', \$walk->{output});
	return $walk;
}

# What the program told, by its words.
sub finish_walk
{
	my ($walk) = @_;

	$walk->{run}->finish;
	my %told = (output => $walk->{output}, $walk->{output} =~ /^(\w+) (.*)$/mg);
	($told{error}) = $walk->{output} =~ /^error (.*?)\n(?:close_ms|leaked) /ms;
	note $walk->{output};
	return \%told;
}

sub walk { return finish_walk(start_walk(@_)); }

# --- The hosts

my $node = start_node('main', init => [ allows_streaming => 1 ],
	conf => "listen_addresses = '127.0.0.1, ::1'\nlog_connections = on");
my $port = $node->port;
my $good = $node->host;

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "listen_addresses = '127.0.0.4'");
$standby->start;
my $other = start_node('other', extension => 0);

$node->safe_psql('postgres', 'CREATE DATABASE here; CREATE ROLE limited LOGIN; CREATE ROLE reader LOGIN');
$node->safe_psql('postgres', 'ALTER ROLE reader SET default_transaction_read_only = on');
$other->safe_psql('postgres', 'CREATE ROLE limited LOGIN CONNECTION LIMIT 0');
$node->wait_for_catchup($standby);

my $user = $node->safe_psql('postgres', 'SELECT current_user');
$ENV{PGUSER} = $user;
$ENV{PGDATABASE} = 'postgres';

# Accepts, by its kernel, and says nothing.
sub listen_silently
{
	my ($address, $number) = @_;

	return IO::Socket::INET->new(LocalAddr => $address, LocalPort => $number, Listen => 100)
	  // die "could not listen: $!";
}
my $silent = listen_silently('127.0.0.2', $port);

# Packets to 10.9.9.2 go nowhere.
system_or_bail('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there');
system_or_bail('ip', 'addr', 'add', '10.9.9.1/24', 'dev', 'here');
system_or_bail('ip', 'link', 'set', 'here', 'up');
system_or_bail('ip', 'link', 'set', 'there', 'up');
system_or_bail('ip', 'neigh', 'add', '10.9.9.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'here', 'nud', 'permanent');

# Names of our own, and a name server that is never reached.
append_to_file("$dir/hosts", <<'EOT');
127.0.0.1	localhost good
::1	localhost
127.0.0.3	several
127.0.0.2	several
127.0.0.1	several
EOT
append_to_file("$dir/resolv.conf", "nameserver 10.9.9.2\noptions timeout:15 attempts:1\n");
system_or_bail('mount', '--bind', "$dir/$_", readlink("/etc/$_") // "/etc/$_") foreach qw(hosts resolv.conf);

# --- One that does not answer does not take all the time

foreach my $case (
	[ 'a silent host', '127.0.0.2' ],
	[ 'a host whose packets are dropped', '10.9.9.2' ],
	[ 'a name that is not found in time', 'nowhere.example' ])
{
	my ($name, $host) = @$case;
	my $hosts = "host=$host,$good port=$port";
	my $told;

	$told = walk($hosts, timeout => 8000);
	is($told->{result}, $OK, "$name first: the second is found within the time for both");
	cmp_ok($told->{ms}, '>=', 3900, '... after half of it');
	$told = walk("$hosts connect_timeout=1");
	is($told->{result}, $OK, '... by connect_timeout');
	cmp_ok($told->{ms}, '<', 3900, '... when that is over');
	$told = walk($hosts);
	is($told->{result}, $OK, '... without any limit');
	cmp_ok($told->{ms}, '>=', 3900, '... after a while');
	$told = walk($hosts, timeout => 30000, first => 1);
	is($told->{result}, $OK, '... the walk begins where it shall');
	cmp_ok($told->{ms}, '<', 14900, '... without the first host');
	is($told->{next}, 0, '... and the next will go on behind');
	$told = walk("host=$host port=$port", timeout => 600);
	is($told->{result}, $CONNECTION, '... alone it fails');
	is($told->{may_pass}, 1, '... for a reason that may pass');
}

my $told = walk("host=127.0.0.2,10.9.9.2,127.0.0.3 port=$port", timeout => 2000);
is($told->{result}, $CONNECTION, 'three that cannot be used');
is(() = $told->{error} =~ /failed: /g, 3, '... each has a line');
cmp_ok($told->{ms}, '<', 2900, '... within the time for all');

# --- Names and addresses

foreach my $case (
	[ 'several addresses, one of them good', 'host=several connect_timeout=1', '127.0.0.1' ],
	[ 'a name', 'host=good', '127.0.0.1' ],
	[ 'IPv6', 'host=::1', '::1' ],
	[ 'a name with an address of its own', 'host=nowhere.example hostaddr=127.0.0.1', '127.0.0.1' ],
	[ 'an address without a name', 'hostaddr=127.0.0.1', '127.0.0.1' ],
	[ 'lists of both', 'host=a,nowhere.example hostaddr=127.0.0.3,127.0.0.1', '127.0.0.1' ],
	[ 'an empty name', 'host=127.0.0.3,good', '127.0.0.1' ],
	[ 'a URI', "postgresql://127.0.0.3:$port,good:$port/", '127.0.0.1' ])
{
	my ($name, $hosts, $address) = @$case;
	my $told = walk($hosts =~ m{://} ? $hosts : "$hosts port=$port");

	is($told->{result}, $OK, $name);
	is($told->{address}, $address, '... leads to the address');
}
SKIP:
{
	skip 'this libpq has no load_balance_hosts', 1 if $node->pg_version < 16;

	my %seen;
	wait_until
	{
		$seen{ walk("host=127.0.0.1,::1 port=$port load_balance_hosts=random")->{address} } = 1;
		2 == keys %seen;
	}
	'each of two hosts was the first';
	pass('the order of hosts is random');
}
is(walk("host=several port=$port connect_timeout=1")->{host}, 'several', 'the name stays with the address');
is(walk("host=127.0.0.3,good port=1,$port")->{port}, $port, 'each host has its port');
{
	local $ENV{PGHOST} = "127.0.0.3,$good";
	local $ENV{PGPORT} = $port;
	is(walk('dbname=postgres')->{result}, $OK, 'hosts of the environment');
	is(walk('host=127.0.0.3')->{result}, $CONNECTION, '... which the connection string overrides');
	local $ENV{PGHOSTADDR} = '127.0.0.1';
	is(walk('host=good')->{address}, '127.0.0.1', 'an address of the environment');
}
{
	append_to_file("$dir/services", <<EOT);
[db]
host=127.0.0.3,$good
port=$port
dbname=here
[standbys]
host=$good,@{[ $standby->host ]}
port=$port,@{[ $standby->port ]}
target_session_attrs=standby
EOT
	local $ENV{PGSERVICEFILE} = "$dir/services";
	delete local $ENV{PGDATABASE};
	is(walk('service=db')->{result}, $OK, 'hosts of a service');
	is(walk('service=standbys dbname=postgres', standby => 1)->{port}, $standby->port, '... and whom it looks for');
	is(walk('service=nosuch')->{may_pass}, 0, 'a service that there is not');
	local $ENV{PGSERVICE} = 'db';
	is(walk('connect_timeout=3')->{result}, $OK, 'a service of the environment');
}
{
	$other->append_conf('postgresql.conf', "listen_addresses = '127.0.0.5'");
	unlink $other->data_dir . '/pg_hba.conf';
	$other->append_conf('pg_hba.conf',
		"local all all trust\nhost all limited all reject\nhost all all all scram-sha-256");
	$other->restart;
	$other->safe_psql('postgres', "CREATE ROLE known LOGIN PASSWORD 'secret'");
	append_to_file("$dir/pgpass", "good:*:*:known:wrong\nbetter:*:*:known:secret\n");
	chmod 0600, "$dir/pgpass";
	local $ENV{PGPASSFILE} = "$dir/pgpass";
	my @by_name = ('hostaddr=127.0.0.5 user=known port=' . $other->port);
	is(walk("@by_name host=better")->{result}, $OK, 'the password file is read by name');
	my $told = walk("@by_name host=good");
	is("$told->{sqlstate} $told->{may_pass}", '28P01 0', 'a wrong password does not pass');
}

# --- Whatever is wrong with the first

my $other_host = $other->host;
my $other_port = $other->port;
foreach my $case (
	[ 'a role that may not connect more often', '53300', 1, 'user=limited' ],
	[ 'a database that it does not have', '3D000', 0, 'dbname=here' ])
{
	my ($name, $sqlstate, $may_pass, $who) = @$case;
	my $told = walk("host=$other_host,$good port=$other_port,$port $who");

	is($told->{result}, $OK, "$name: the next host is tried");
	$told = walk("host=$other_host port=$other_port $who");
	is("$told->{result} $told->{sqlstate} $told->{may_pass}", "$CONNECTION $sqlstate $may_pass", '... what it is alone');
	unlike($told->{error}, qr/$sqlstate|LOCATION/, '... in words for people');
}
$told = walk("host=127.0.0.5,$good port=$other_port,$port user=limited");
is($told->{result}, $OK, 'no entry in pg_hba.conf: the next host is tried');
$told = walk("host=127.0.0.5 port=$other_port user=limited");
is("$told->{sqlstate} $told->{may_pass}", '28000 0', '... what it is alone');
foreach my $case (
	[ 'a port that is closed', "host=127.0.0.3", 1 ],
	[ 'a socket that is not there yet', "host=$dir", 1 ],
	[ 'a name that is not found', 'host=nowhere.example connect_timeout=20', 1 ],
	[ 'a role that there is not', "host=$good user=nosuch", 0 ],
	[ 'a port that is no number', "host=$good port=x", 0 ],
	[ 'a keepalive that is no number', "host=127.0.0.1 keepalives_idle=x", 0 ],
	[ 'a mode that there is not', "host=$good sslmode=x", 0 ],
	[ 'TLS that there is not', "host=127.0.0.1 sslmode=require", 0 ],
	[ 'lists that do not match', "host=a,b,c port=1,2", 0 ])
{
	my ($name, $hosts, $may_pass) = @$case;
	my $told = walk($hosts =~ /port/ ? $hosts : "$hosts port=$port");

	is("$told->{result} $told->{may_pass}", "$CONNECTION $may_pass", $name);
}

# One that closes each connection at once, in a process of its own.
my $closer = listen_silently('127.0.0.6', $port);
my $closing = fork // die "could not fork: $!";
if ($closing == 0)
{
	while (my $client = $closer->accept)
	{
		sysread $client, my $request, 8;
		close $client;
	}
	POSIX::_exit(0);
}
close $closer;
is(walk("host=127.0.0.6 port=$port")->{may_pass}, 1, 'a connection that is closed');
is(walk("host=127.0.0.6,$good port=$port")->{result}, $OK, '... the next host is tried');
kill 'KILL', $closing;

# --- Primary and standby

my $both = 'host=' . $standby->host . ",$good port=" . $standby->port . ",$port";
my %port_of = (primary => $port, standby => $standby->port);
is(walk($both)->{port}, $port, 'a standby first: the primary is found');
is(walk("$both target_session_attrs=any")->{port}, $port, '... with any, too');
foreach my $case (
	[ 'any', 'standby' ],
	[ 'primary', 'primary' ],
	[ 'read-write', 'primary' ],
	[ 'standby', 'standby' ],
	[ 'read-only', 'standby' ],
	[ 'prefer-standby', 'standby' ])
{
	my ($attrs, $role) = @$case;

	is(walk("$both target_session_attrs=$attrs", standby => 1)->{port}, $port_of{$role}, "$attrs: the $role");
}
is(walk("host=127.0.0.3,$good port=$port target_session_attrs=prefer-standby", standby => 1)->{port},
	$port, 'prefer-standby, and there is none');
$told = walk('host=' . $standby->host . ' port=' . $standby->port);
is("$told->{result} $told->{may_pass}", "$STANDBY 0", 'a standby alone');
$told = walk('host=' . $standby->host . ",127.0.0.3 port=" . $standby->port . ",$port");
is("$told->{result} $told->{may_pass}", "$STANDBY 1", 'a standby, and one that is down');
$told = walk("host=$good port=$port user=reader");
is("$told->{result} $told->{read_only}", "$OK off", 'a role that reads by default is on the primary');

$standby->append_conf('postgresql.conf', 'hot_standby = off');
$standby->restart;
$told = walk('host=' . $standby->host . ' port=' . $standby->port);
is("$told->{sqlstate} $told->{may_pass}", '57P03 1', 'a server that does not accept connections yet');

# --- Nothing is left

foreach my $case (
	[ 'failures', "host=127.0.0.3,$dir port=$port", rounds => 100 ],
	[ 'silence', "host=127.0.0.2 port=$port", rounds => 5, timeout => 50 ],
	[ 'names', "host=several port=$port user=nosuch connect_timeout=1", rounds => 3 ])
{
	my ($name, @arguments) = @$case;

	is(walk(@arguments)->{leaked}, 0, "no descriptor is left by $name");
}
SKIP:
{
	my $missing = missing_program('valgrind');
	skip "$missing is not installed", 3 if $missing;

	local @wrapper = (qw(valgrind --quiet --error-exitcode=99 --leak-check=full),
		'--show-leak-kinds=definite,indirect,possible', '--errors-for-leak-kinds=definite,indirect,possible');
	foreach my $hosts (
		"host=127.0.0.2,several,127.0.0.3,$good port=$port connect_timeout=1",
		"host=several port=$port user=nosuch connect_timeout=1 target_session_attrs=prefer-standby",
		"service=nosuch")
	{
		unlike(walk($hosts)->{output}, qr/^==/m, "valgrind finds nothing with $hosts");
	}
}
$told = walk("host=nowhere.example port=$port", leave => 50);
cmp_ok($told->{close_ms}, '<', 900, 'closing does not wait for a name');
is(walk("host=127.0.0.2 port=$port", leave => 50)->{leaked}, 0, 'nor leaves a connection');

# --- A waiter and its server

sub start_waiter
{
	my ($name) = @_;

	my $walk = start_walk("host=127.0.0.1 port=$port", probe => 300, lock => $name);
	wait_until
	{
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq '1';
	}
	'it waits';
	return $walk;
}

my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('a')");
my $waiter = start_waiter('a');
my $seen = -s $node->logfile;
my @looks;
wait_until
{
	@looks = slurp_file($node->logfile, $seen) =~ /^\S+ (\S+) .*connection received: host=127/mg;
	@looks >= 9;
}
'it looks after its server';
my @moments = map { /(\d+):(\d+):(\d+\.\d+)/ ? ($1 * 60 + $2) * 60 + $3 : () } @looks;
my @pauses = sort { $a <=> $b } grep { $_ > 0 } map { $moments[$_] - $moments[ $_ - 1 ] } 1 .. $#moments;
cmp_ok($pauses[0], '>', 0.15, '... not more often than every two thirds of the time that was asked for');
cmp_ok($pauses[-1] - $pauses[0], '>', 0.005, '... and not in step, so that many do not come at once');
# The last one is under way when the wait ends, and then is broken off.
unlike(slurp_file($node->logfile, $seen), qr/could not|incomplete|failed/, '... which finds nothing to log');
$holder->query("SELECT advisory_lock.unlock('a')");
is(finish_walk($waiter)->{result}, $OK, 'a server that lives is waited for');

# Full: nobody is let in, but it answers.
$node->append_conf('postgresql.conf', "max_connections = 5\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0");
$standby->stop;
$holder->quit;
$node->restart;
$holder = session($node);
$holder->query("SELECT advisory_lock.lock('a')");
$waiter = start_waiter('a');
my @crowd = map { session($node) } 1 .. 3;
is(walk("host=$good port=$port")->{sqlstate}, '53300', 'the server is full');
$seen = -s $node->logfile;
wait_until
{
	5 <= (() = slurp_file($node->logfile, $seen) =~ /connection received: host=127/g);
}
'it looks after the full server';
$holder->query("SELECT advisory_lock.unlock('a')");
is(finish_walk($waiter)->{result}, $OK, '... which is waited for');
$_->quit foreach @crowd;

# Frozen: the postmaster and all of its children are stopped.
$holder->query("SELECT advisory_lock.lock('b')");
$waiter = start_waiter('b');
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
open my $handle, '<', "/proc/$postmaster/task/$postmaster/children" or die "could not read: $!";
my @frozen = ($postmaster, split ' ', scalar <$handle>);
close $handle;
kill 'STOP', @frozen;
$told = finish_walk($waiter);
kill 'CONT', @frozen;
is("$told->{result} $told->{may_pass}", "$LOST 1", 'a frozen server is given up');

done_testing();
