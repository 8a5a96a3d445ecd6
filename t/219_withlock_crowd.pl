# Copyright (c) 2026 the advisory_lock authors
#
# Three times as many as the server has connections for: with a deadline, each
# has its turn, and one after the other.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use Withlock;

my $CROWD = 60;

my $node = start_node('main', conf => "max_connections = 20\nsuperuser_reserved_connections = 3");
$node->safe_psql('postgres', 'CREATE ROLE worker LOGIN; GRANT USAGE ON SCHEMA advisory_lock TO worker');
$ENV{WITHLOCK_DB} = conninfo($node);

# None begins while another one is there.
my $dir = PostgreSQL::Test::Utils::tempdir();
my $alone = "mkdir $dir/turn || exit 9; echo run; rmdir $dir/turn";

# All come while the server is away, and find it starting, and then full.
$node->stop('fast');
my @crowd = map { start_withlock('crowd', '-U', 'worker', '-t', '170', '--lock-delay', '0', '--', 'sh', '-c', $alone) } 1 .. $CROWD;
$_->wait_errors(qr/trying again/) foreach @crowd;
$node->start;
my %ended;
$ended{ $_->wait }++ foreach @crowd;
is_deeply(\%ended, { 0 => $CROWD }, "$CROWD at once, on 17 connections: each runs, alone") or diag map { $_->stderr } @crowd;
is(join('', map { $_->stdout } @crowd), "run\n" x $CROWD, '... once');
ok((grep { $_->stderr =~ /too many|reserved/ } @crowd) > 0, '... though the server was full');
my @hints = map { [ $_->stderr =~ /hint: (.*)/g ] } @crowd;
is((grep { @$_ > keys %{ { map { $_ => 1 } @$_ } } } @hints), 0, '... and none is advised twice');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'withlock%'"), 0,
	'... and nothing is left');

done_testing();
