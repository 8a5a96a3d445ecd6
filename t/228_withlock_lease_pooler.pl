# Copyright (c) 2026 the advisory_lock authors
#
# withlock --lease through a real pgbouncer in transaction mode, which has two
# connections to the server for all that hold and wait.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use AdvisoryLock;
use Withlock;

my $missing = missing_program('pgbouncer');
plan skip_all => "$missing is not installed" if $missing;
$ENV{PATH} .= ':/usr/sbin:/sbin';

my $WAITING = 20;

my $node = start_node('main');
my $log = PostgreSQL::Test::Utils::tempdir() . '/turns';
$ENV{WITHLOCK_DB} = start_pooler($node, 'transaction', 2) . 'postgres';

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

my $holder = start_withlock('x', '--lease', '10s', '--', 'sleep', '600');
$holder->wait_command;

# Each is in the queue before the next one comes.
my @waiting;
foreach my $i (1 .. $WAITING)
{
	push @waiting, start_withlock('x', '--lease', '10s', '--', 'sh', '-c', "echo begin $i \$WITHLOCK_TOKEN >> $log; echo end >> $log");
	wait_until { sql('SELECT count(*) FROM advisory_lock.lease_queue') == $i } "number $i waits";
}

# While all of them wait, the server's side of the pooler is free for others.
my $others = 0;
foreach my $attempt (1 .. 20)
{
	my ($answer) = run_command(['psql', '-XAt', '-d', $ENV{WITHLOCK_DB}, '-c', 'SELECT 1']);
	$others++ if $answer eq '1';
}
is($others, 20, 'others are served meanwhile');
cmp_ok(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()}),
	'<=', 2, 'the server has two sessions at most');
cmp_ok(sql(q{SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'}), '==', 0, '... and no transaction stays open');

# Server connections that are a client's at this moment, by the pooler's word.
sub occupied
{
	my ($pools) = run_command([ 'psql', '-XA', '-d', $ENV{WITHLOCK_DB} =~ s/user=\S+ dbname=.*/user=pgbouncer dbname=pgbouncer/r, '-c', 'SHOW POOLS' ]);
	my ($titles, @pools) = map { [ split /\|/ ] } split /\n/, $pools;
	my ($active) = grep { $titles->[$_] eq 'sv_active' } 0 .. $#$titles;
	my ($pool) = grep { $_->[0] eq 'postgres' } @pools;

	return $pool->[$active];
}

# What all of them ask for together leaves the pool alone most of the time.
my @looks = map { sleep 0.02; occupied() } 1 .. 100;
my $free = grep { $_ == 0 } @looks;
note "no connection to the server is occupied at $free of 100 looks";
cmp_ok($free, '>', 10, 'a server connection is occupied for moments only');

kill 'TERM', $holder->pid;
is($holder->wait, 128 + 15, 'the holder is ended');
is(scalar(grep { $_->wait != 0 } @waiting), 0, 'all others get their turn');

my @lines = split /\n/, slurp_file($log);
is(join(' ', map { /^begin (\d+)/ ? $1 : () } @lines), join(' ', 1 .. $WAITING), 'in the order in which they came');
is(scalar(grep { ($_ % 2 == 0) != ($lines[$_] =~ /^begin/) } 0 .. $#lines), 0, 'one at a time');
my @tokens = map { /^begin \d+ (\d+)/ ? $1 : () } @lines;
is(scalar(grep { $tokens[ $_ - 1 ] >= $tokens[$_] } 1 .. $#tokens), 0, 'tokens rise');

# A key of a tool is looked up there, too.
my @key = ('--key', 'prisma', '--lease', '10s');
$holder = start_withlock(@key, '--', 'sleep', '600');
$holder->wait_command;
is(withlock(@key, '-n', 'true')->status, 75, 'a lease by key keeps others off');
is(withlock('--status', '--key', 'prisma')->status, 75, '... and is seen');
is(sql('SELECT key FROM advisory_lock.locks'), '72707369', '... as what it is');
kill 'TERM', $holder->pid;
is($holder->wait, 128 + 15, '... until it is given back');
is(withlock(@key, '-n', '--once-per', '1h', 'echo', 'run')->stdout, "run\n", 'a run by key is due');
is(withlock(@key, '-n', '--once-per', '1h', 'echo', 'run')->stdout, '', '... once');

done_testing();
