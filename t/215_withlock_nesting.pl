# Copyright (c) 2026 the advisory_lock authors
#
# A withlock under a withlock: refused where it would wait for itself, and
# only there, whatever way leads to the server.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

# It listens at an address of its own, too.
$PostgreSQL::Test::Cluster::use_tcp = 0;
my $node = start_node('main', conf => "listen_addresses = '127.0.0.1'");
my $other = start_node('other');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
my $socket = conninfo($node);
my $tcp = 'host=127.0.0.1 dbname=postgres port=' . $node->port;
my @limit = ('-t', '20', '--lock-delay', '0');
$ENV{WITHLOCK_DB} = $socket;

sub outcome
{
	my ($expected, $name, $outer, $inner) = @_;

	my $ended = withlock(@$outer, '--', 'withlock', @$inner, '--', 'echo', 'run');
	is($ended->status, $expected, $name) or diag $ended->stderr;
	if ($expected == 64)
	{
		like($ended->stderr, qr/would wait for itself/, '... with the reason');
		is($ended->stdout, '', '... and does not run');
	}
	else
	{
		is($ended->stdout, "run\n", '... and runs');
	}
	return;
}

outcome(64, 'the same lock', ['a', @limit], ['a', @limit]);
outcome(64, '... over another way to the server', ['a', @limit], ['a', '-d', $tcp, @limit]);
outcome(64, '... and the other way round', ['a', '-d', $tcp, @limit], ['a', '-d', $socket, @limit]);
outcome(64, '... by a URI', ['a', @limit],
	['a', '-d', 'postgresql://127.0.0.1:' . $node->port . '/postgres', @limit]);
outcome(64, '... without the extension', ['a', '-d', conninfo($node, 'bare'), @limit],
	['a', '-d', "$tcp dbname=bare", @limit]);
outcome(64, '... by a transaction', ['a', '-t', '20', '--transaction'], ['a', @limit]);
outcome(64, '... one of several', ['a', '--also', 'b', @limit], ['c', '--also', 'b', @limit]);
outcome(64, '... two above', ['a', @limit, '--', 'withlock', 'b', @limit], ['a', @limit]);
outcome(0, 'another lock', ['a', @limit], ['b', @limit]);
outcome(0, 'the same name in another database', ['a', @limit],
	['a', '-d', conninfo($node, 'bare'), @limit]);
outcome(0, '... and on another server', ['a', @limit], ['a', '-d', conninfo($other), @limit]);

# --- Shared locks

outcome(0, 'shared under shared', ['a', '-s', @limit], ['a', '-s', @limit]);
outcome(64, 'exclusive under shared', ['a', '-s', @limit], ['a', @limit]);
outcome(64, 'shared under exclusive', ['a', @limit], ['a', '-s', @limit]);

# --- Permits

my @two = ('--permits', '2', @limit);
outcome(0, 'a permit while another is free', ['a', @two], ['a', @two]);
outcome(64, '... all are held above', ['a', @two, '--', 'withlock', 'a', @two], ['a', @two]);
outcome(64, '... all it asks for', ['a', @two], ['a', '--permits', '1', @limit]);
outcome(0, '... more than are held above', ['a', @two, '--', 'withlock', 'a', @two],
	['a', '--permits', '3', @limit]);
outcome(0, 'the lock of that name under a permit', ['a', @two], ['a', @limit]);
outcome(64, 'the lock that is a permit', ['a', @two], ['a#1', @limit]);

# --- Only who really runs below

my $dir = PostgreSQL::Test::Utils::tempdir();
my $daemon = start_withlock('a', @limit, '-c',
	"(sleep 1000 & echo \$! > $dir/pid; cat /proc/self/environ | tr '\\0' '\\n' | grep ^WITHLOCK_HELD= > $dir/held)");
is($daemon->wait, 0, 'a lock that has ended');
my ($held) = slurp_file("$dir/held") =~ /^WITHLOCK_HELD=(.*)$/m;
kill 'KILL', int slurp_file("$dir/pid");
like($held, qr/^\d+\@\S+\@x\@a$/, 'its variable');
is(withlock({ env => { WITHLOCK_HELD => $held } }, 'a', @limit, 'true')->status, 0,
	'... does not refuse to who has inherited it');
foreach my $nonsense ('', ' ', '@', 'x', '1@', "$$\@", '1@@@', '99999999999999999999@x@y@z', " $held ", '%%%')
{
	is(withlock({ env => { WITHLOCK_HELD => $nonsense } }, 'a', @limit, 'true')->status, 0,
		"WITHLOCK_HELD=\"$nonsense\" does no harm");
}
outcome(0, 'names that could be mistaken', ['a@x@b c', @limit], ['b', @limit]);
outcome(64, '... are known again', ["a\@x\@b c%\n", @limit], ["a\@x\@b c%\n", @limit]);

# --- Crosswise: neither is told of a deadlock, since both sessions are idle

$node->append_conf('postgresql.conf', "deadlock_timeout = '10 ms'");
$node->reload;
my @crosswise = map {
	my ($first, $second) = @$_;
	start_withlock($first, @limit, '-c', "touch $dir/$first; while [ ! -e $dir/$second ]; do sleep 0.02; done; exec withlock -t 1 $second -- true");
} [ 'left', 'right' ], [ 'right', 'left' ];
my @statuses = map { $_->wait } @crosswise;
ok((grep { $_ == 75 } @statuses), 'one of them gives up when its time is over');
unlike(join('', map { $_->stderr } @crosswise), qr/deadlock/, '... and none before');

done_testing();
