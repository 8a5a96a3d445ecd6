# Copyright (c) 2026 the advisory_lock authors

# With the registry an acquire waits for no disk: tokens come from blocks that
# were made durable before.  Needs a server that nobody else writes WAL on.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => "autovacuum = off\nfsync = on");
my $session = session($node);

# How often WAL was flushed to disk since the start of the server.
my $flushes = $node->pg_version < 18
  ? 'SELECT wal_sync FROM pg_stat_wal'
  : "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'";

sub flushes
{
	$session->query('SELECT pg_stat_force_next_flush()');
	return $session->query($flushes);
}

my $ten_thousand =
	"SELECT min(token), max(token), count(DISTINCT token) FROM (
		SELECT advisory_lock.lock('n' || i % 100) AS token, advisory_lock.unlock('n' || i % 100)
		  FROM generate_series(1, 10000) i OFFSET 0) t";

# The first run reads catalogs, and sets hint bits in them.
$session->query($ten_thousand);
my $flushes_before = flushes();
my $lsn_before = $session->query('SELECT pg_current_wal_insert_lsn()');
my $tokens = $session->query($ten_thousand);
my ($min, $max, $count) = split(/\|/, $tokens);
is($count, 10000, '10,000 acquires, 10,000 tokens');
is($max - $min, 9999, 'one after the other');
cmp_ok($session->query("SELECT pg_current_wal_insert_lsn() - '$lsn_before'"), '<', 1000,
	'they wrote no WAL (but for what the server itself writes now and then)');
cmp_ok(flushes() - $flushes_before, '<=', 1, 'and flushed none');

# A block ends in the middle; the next one follows, not before the clock.
my $many = 70000;
is( $session->query(
		"SELECT count(DISTINCT token), count(*) FILTER (WHERE step < 1), count(*) FILTER (WHERE step > 1) <= 2
		   FROM (SELECT token, token - lag(token) OVER (ORDER BY i) AS step
			 FROM (SELECT i, advisory_lock.lock('n') AS token, advisory_lock.unlock('n')
				   FROM generate_series(1, $many) i OFFSET 0) t) s"),
	"$many|0|t",
	'tokens go on over the end of a block');

# Sessions at once share the block, and no token is given twice.
my $script = $node->basedir . '/tokens.sql';
append_to_file($script, <<'EOT');
\set n random(1, 3)
SELECT advisory_lock.lock('shared ' || :n) AS token \gset
INSERT INTO given (name, token) VALUES (:n, :token);
SELECT advisory_lock.unlock('shared ' || :n);
EOT
$session->query('CREATE TABLE given (id bigserial, name integer, token bigint)');
command_ok(
	[ 'pgbench', '-n', '-c', 4, '-t', 1000, '-f', $script, '-h', $node->host,
		'-p', $node->port, 'postgres' ],
	'4 sessions draw tokens');
is($session->query('SELECT count(*), count(DISTINCT token) FROM given'), '4000|4000',
	'each token is given once');
is( $session->query(
		'SELECT count(*) FROM (SELECT token - lag(token) OVER (PARTITION BY name ORDER BY id) AS step
		   FROM given) t WHERE step <= 0'),
	'0',
	'and in the order of the grants');

# What is left of a block is not given after a restart, nor taken for given.
my $last = $session->query("SELECT advisory_lock.lock('z')");
is($session->sqlstate_of("SELECT advisory_lock.fence('z', $last + 1)"), '22023',
	'a reserved token has not been issued');
$session->quit;
$node->stop('immediate');
$node->start;
cmp_ok($node->safe_psql('postgres', "SELECT advisory_lock.lock('z')"), '>', $last + 1,
	'a crash skips the rest of a block');

# A database of its own has tokens of its own, and by the clock: the counter is
# seconds since 2026, 16 bits further up, and begins two ahead.
my $clock = "floor(extract(epoch FROM clock_timestamp() - '2026-01-01 UTC'))::bigint";
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION advisory_lock');
my ($earliest, $counter, $latest) = split /\|/, $node->safe_psql('other',
	"SELECT $clock, advisory_lock.lock('z') & ((1::bigint << 48) - 1), $clock");
cmp_ok($counter >> 16, '>=', $earliest + 2, 'the first token of another database is not before the clock');
cmp_ok($counter >> 16, '<=', $latest + 2, 'nor after it');

# Where the extension is dropped and created again, tokens go on above those
# before, however far these were ahead of the clock; and the new sequence takes
# no other place.
$session = session($node, 'other');
my $anew = 'DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock';
my $two = "SELECT advisory_lock.xact_lock('a'); SELECT advisory_lock.xact_lock('b')";
my $far = $counter + (1 << 30);
$session->query("SELECT setval('advisory_lock.token_sequence', (1::bigint << 48) + $far)");
my $ahead = $session->query("SELECT advisory_lock.lock('z')");
$session->query($anew);
cmp_ok($session->query("SELECT advisory_lock.lock('y')"), '>', $ahead, 'a new extension goes on above the tokens of the old one');
my $raised = $ahead + (1 << 20);
$node->safe_psql('other', "SELECT advisory_lock.raise_tokens($raised)");
$session->query($anew);
cmp_ok($session->query("SELECT advisory_lock.lock('x')"), '>', $raised, 'and above what was raised');
my @tokens = map { $session->query($anew); $session->query($two) } 1 .. 270;
my @all = map { split /\n/ } @tokens;
is(scalar(grep { $all[$_] <= $all[ $_ - 1 ] } 1 .. $#all), 0, 'tokens of 270 extensions rise');
$node->safe_psql('postgres', 'CREATE DATABASE third');
$node->safe_psql('third', 'CREATE EXTENSION advisory_lock');
cmp_ok($node->safe_psql('third', "$two; SELECT last_value - advisory_lock.lock('c') FROM advisory_lock.token_sequence") =~ s/.*\n//sr,
	'>', 60000, 'and leave a block for another database');

# More databases than there are places for blocks.
SKIP:
{
	skip 'many databases take a minute: put "many" into PG_TEST_EXTRA', 3
	  unless ($ENV{PG_TEST_EXTRA} // '') =~ /\bmany\b/;
	$node->safe_psql('postgres', "CREATE DATABASE db$_ TEMPLATE third") for 1 .. 270;
	my @pairs = map { [ split /\n/, $node->safe_psql("db$_", $two) ] } 1 .. 270;
	is(scalar(grep { $_->[1] <= $_->[0] } @pairs), 0, 'tokens rise where there is no place for a block');
	cmp_ok($pairs[-1]->[1] - $pairs[-1]->[0], '==', 1, 'one by one');
	cmp_ok($node->safe_psql('postgres', "SELECT advisory_lock.lock('z')"), '>', $last + 1,
		'and in a database that has one');
}

done_testing();
