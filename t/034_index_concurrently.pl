# Copyright (c) 2026 the advisory_lock authors
#
# The holder's job runs CREATE INDEX CONCURRENTLY while withlock waits for the
# same lock: it gets done, and withlock gets the lock next, ahead of whoever
# came later.

use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE TABLE t (i integer)');
my $WAITERS = <<'EOT';
SELECT count(*), count(backend_xmin) FROM pg_stat_activity
WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)
EOT

my ($holder, $later) = (session($node), session($node));
$holder->query("SELECT advisory_lock.lock('m')");

my ($out, $err) = ('', '');
my $withlock = IPC::Run::start(
	[ 'withlock', '-d', conninfo($node), 'm', '--', 'sh', '-c', 'echo $WITHLOCK_TOKEN' ],
	'<', \undef, '>', \$out, '2>', \$err,
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$node->poll_query_until('postgres', $WAITERS, '1|0')
  or die "withlock does not wait without a snapshot: $err";
$later->start("CALL advisory_lock.acquire('m')");
$later->wait_blocked;

$node->safe_psql('postgres', 'CREATE INDEX CONCURRENTLY t_i ON t (i)');
is($node->safe_psql('postgres', "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_i'::regclass"),
	't', 'the index is built');
is($node->safe_psql('postgres', $WAITERS), '2|0', 'while both wait without a snapshot');
is($out, '', 'and the command has not run');

$holder->query("SELECT advisory_lock.unlock('m')");
ok($withlock->finish, 'then withlock runs its command');
my ($later_token) = $later->finish =~ /^(\d+)/;
chomp $out;
cmp_ok($later_token, '>', $out, 'ahead of the one who came later');

done_testing();
