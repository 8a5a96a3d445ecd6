# Copyright (c) 2026 the advisory_lock authors
#
# The fence: transactions that race on it, and the worked example, exactly as
# doc/fencing.md has it.

use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Together;

my $node = start_node('main');
my ($first, $second) = map { session($node) } 1 .. 2;

# Two tokens of a name, the older one first.
sub two_tokens
{
	my ($name) = @_;

	return map { $node->safe_psql('postgres', "SELECT advisory_lock.lock('$name')") } 1 .. 2;
}

sub fence
{
	my ($name, $token) = @_;

	return "SELECT advisory_lock.fence('$name', $token)";
}

# The newer one first: the older waits for it, and is refused.
my ($old, $new) = two_tokens('race');
$node->safe_psql('postgres', 'CREATE TABLE counter (n integer); INSERT INTO counter VALUES (0)');
$second->query('BEGIN; ' . fence('race', $new));
$first->start('BEGIN; ' . fence('race', $old));
$first->wait_blocked;
$second->query('UPDATE counter SET n = n + 1; COMMIT');
is($first->finish_state, '55000', 'the older waits for the newer, and is refused');
like($first->messages, qr/^DETAIL:  The newer token $new has been used\.$/m, 'the detail tells the newer');
is($first->sqlstate_of('UPDATE counter SET n = n + 100'), '25P02', 'its transaction can only end');
$first->query('ROLLBACK');
is($first->query('TABLE counter'), 1, 'and has written nothing');

# Both with the same token: one after the other, no update is lost.
$first->query('BEGIN; ' . fence('race', $new));
$second->start('BEGIN; ' . fence('race', $new));
$second->wait_blocked;
$first->query('UPDATE counter SET n = (SELECT n FROM counter) + 1; COMMIT');
$second->finish;
$second->query('UPDATE counter SET n = (SELECT n FROM counter) + 1; COMMIT');
is($first->query('TABLE counter'), 3, 'with one token two transactions come one after the other');

# The first one on a name that has no row yet.
($old, $new) = two_tokens('fresh');
$first->query('BEGIN; ' . fence('fresh', $old));
$second->start('BEGIN; ' . fence('fresh', $new));
$second->wait_blocked;
$first->query('COMMIT');
$second->finish;
$second->query('COMMIT');
is($first->sqlstate_of(fence('fresh', $old)), '55000', 'the older was in time, and is refused from then on');

# A rollback lets the older pass after all.
($old, $new) = two_tokens('rollback');
$second->query('BEGIN; ' . fence('rollback', $new));
$first->start(fence('rollback', $old));
$first->wait_blocked;
$second->query('ROLLBACK');
is($first->finish_state, '00000', 'what was rolled back was not seen');

# With a snapshot from before: refused, for the data may be out of date, too.
foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	($old, $new) = two_tokens('snapshot');
	$node->safe_psql('postgres', fence('snapshot', $old));
	$first->query("BEGIN ISOLATION LEVEL $level; TABLE counter");
	$second->query(fence('snapshot', $new));
	is($first->sqlstate_of(fence('snapshot', $old)), '40001', "$level: the older cannot pass");
	$first->query('ROLLBACK');
	is($first->sqlstate_of("BEGIN ISOLATION LEVEL $level; " . fence('snapshot', $old)),
		'55000', "$level: nor when tried again");
	$first->query("ROLLBACK; BEGIN ISOLATION LEVEL $level; " . fence('snapshot', $new) . '; COMMIT');
}

# Many transactions of many jobs: what they write rises as their tokens do.
$node->safe_psql('postgres', 'CREATE TABLE log (place serial, token bigint)');
my $late_job = <<'EOT';
DO $$
DECLARE
	mine bigint;
BEGIN
	FOR i IN 1 .. 100 LOOP
		mine := advisory_lock.lock('log');
		PERFORM advisory_lock.unlock('log');
		COMMIT;
		PERFORM pg_sleep(0.002 * random());
		BEGIN
			PERFORM advisory_lock.fence('log', mine);
			INSERT INTO log (token) VALUES (mine);
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			NULL;
		END;
		COMMIT;
	END LOOP;
END
$$
EOT
my @states = run_together($node, ($late_job) x 4);
is("@states", '00000 00000 00000 00000', 'late jobs, which fence when their lock is gone');
my ($written, $setbacks) = split /\|/, $node->safe_psql('postgres', <<'EOT');
SELECT count(*), count(*) FILTER (WHERE step <= 0)
FROM (SELECT token - lag(token) OVER (ORDER BY place) AS step FROM log) AS steps
EOT
is($setbacks, 0, "$written writes of late jobs are in the order of their tokens");
cmp_ok($written, '<', 400, 'for others were refused');

# The worked example: each block of the document by what stands behind its
# language, in a directory of its own.
my %block = slurp_file('doc/fencing.md') =~ /^```\w+ (\S+)\n(.*?)^```$/msg;
is(join(' ', sort keys %block), 'run setup.sql totals.sql', 'the document has its example');

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/$_", $block{$_}) foreach keys %block;
local %ENV =
  (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres');
command_ok([ 'psql', '-Xq', '-f', "$directory/setup.sql" ], 'the tables are there');
my $run = [ 'sh', '-c', "cd '$directory' && sh -e ./run" ];
command_ok($run, 'the job runs');
my $token_then = $node->safe_psql('postgres', 'SELECT token FROM totals');
is($node->safe_psql('postgres', 'SELECT day, total FROM totals'), '2026-03-01|20.00', 'and has written');

$node->safe_psql('postgres', "INSERT INTO orders VALUES ('2026-03-01', 5)");
command_ok($run, 'a second job runs');
is($node->safe_psql('postgres', "SELECT total, token > $token_then FROM totals"),
	'25.00|t', 'and has written, with a newer token');

# The first one wakes up.
$node->safe_psql('postgres', "INSERT INTO orders VALUES ('2026-03-01', 100)");
command_exits_like(
	[ 'psql', '-X', '-v', "token=$token_then", '-f', "$directory/totals.sql" ],
	3,
	qr/ERROR:  fencing token $token_then of advisory lock "totals" is out of date\n.*DETAIL:  The newer token \d+ has been used\.\n.*HINT:  The lock was lost and somebody else has taken it: stop this job\./s,
	'the first job is told by the words of the document');
is($node->safe_psql('postgres', 'SELECT total FROM totals'), '25.00', 'and has written nothing');

# Runs a command; checks its exit status and what it wrote to stderr.
sub command_exits_like
{
	my ($command, $status, $pattern, $name) = @_;

	my ($out, $err) = ('', '');
	IPC::Run::run($command, '>', \$out, '2>', \$err);
	is($? >> 8, $status, "$name: exit status");
	like($err, $pattern, $name);
	return;
}

done_testing();
