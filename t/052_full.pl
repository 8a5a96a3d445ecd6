# Copyright (c) 2026 the advisory_lock authors

# A registry that is too small: locking goes on, held names stay visible.
# Sessions at once, and memory over time, need a server of our own.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => <<'EOT');
advisory_lock.max_names = 50
log_statement = none
dynamic_shared_memory_type = mmap	# to be found in the data directory
EOT
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock_many(ARRAY(SELECT 'held ' || i FROM generate_series(1, 20) i))");

# Known by its name, then taken without us, by a session that says nothing more.
my $raw_holder = session($node);
$raw_holder->query("SELECT advisory_lock.lock('taken by its key'), advisory_lock.unlock('taken by its key')");
$raw_holder->query("SELECT pg_advisory_lock(k.key1, k.key2) FROM advisory_lock.key('taken by its key') k");

# Each of 8 clients takes and releases one of 5,000 names, 5,000 times.
my $script = $node->basedir . '/names.sql';
append_to_file($script, <<'EOT');
\set n random(1, 5000)
SELECT advisory_lock.lock('name ' || :n);
SELECT advisory_lock.unlock('name ' || :n);
EOT

sub run_names
{
	command_ok(
		[ 'pgbench', '-n', '-c', 8, '-t', 5000, '-f', $script, '-h', $node->host,
			'-p', $node->port, 'postgres' ],
		'5,000 names through room for 50 by 8 sessions');
	return;
}

# The shared memory that was added to what the server began with.
sub segment_bytes
{
	my $total = 0;
	$total += -s $_ foreach glob($node->data_dir . '/pg_dynshmem/mmap.*');
	return $total;
}

sub counter
{
	return $node->safe_psql('postgres', "SELECT $_[0] FROM advisory_lock.registry");
}

run_names();
my $before = segment_bytes();
is($node->safe_psql('postgres',
		"SELECT count(*) FROM advisory_lock.locks WHERE name LIKE 'held %'"),
	'20', 'held names stay visible');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM advisory_lock.locks WHERE name = 'taken by its key'"),
	'1', 'also one that is held without the extension');
cmp_ok(counter('names'), '<=', 50, 'no more names than there is room for');
cmp_ok(counter('evicted'), '>', 4000, 'names nobody holds make way');
run_names();
is(segment_bytes(), $before, 'memory stays flat');

# Sessions that make room look at a lock at the same time, and one that leaves
# is not to be taken for the holder's leaving.
{
	my $raw = "FROM generate_series(1, 20) AS i, advisory_lock.key('raw ' || i) AS k";
	$raw_holder->query("SELECT advisory_lock.lock('raw ' || i), advisory_lock.unlock('raw ' || i),"
		. " pg_advisory_lock(k.key1, k.key2) $raw");
	command_ok(
		[ 'pgbench', '-n', '-c', 16, '-j', 2, '-T', 5, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'16 sessions make room');
	is($node->safe_psql('postgres', "SELECT count(*) FROM advisory_lock.locks WHERE name LIKE 'raw %'"),
		'20', 'no name of a lock that is held without the extension makes way');
	$raw_holder->query("SELECT pg_advisory_unlock(k.key1, k.key2) $raw");
}

# More held names than there is room for: the rest is not known, and counted.
my $untracked = counter('untracked');
$holder->query("SELECT advisory_lock.lock_many(ARRAY(SELECT 'more ' || i FROM generate_series(1, 100) i))");
cmp_ok(counter('untracked') - $untracked, '>=', 70, 'names without room are counted');
is($node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.locks'),
	'121', 'their locks are held and shown all the same');
is($node->safe_psql('postgres', "SELECT advisory_lock.try_lock('more 100')"),
	'f', 'and exclude others');
is($holder->query("SELECT advisory_lock.unlock_all()"), '120', 'and can be released');

# One place is left: each new name makes way for the next, however often.
$holder->query("SELECT advisory_lock.lock_many(ARRAY(SELECT 'held ' || i FROM generate_series(1, 48) i))");
$untracked = counter('untracked');
my $evicted = counter('evicted');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM (SELECT 'new ' || i AS name, advisory_lock.lock('new ' || i)
			FROM generate_series(1, 1000) i OFFSET 0) l WHERE advisory_lock.unlock(name)"),
	'1000', '1,000 new names with room for one');
is(counter('untracked') - $untracked, '0', 'all of them were known');
cmp_ok(counter('evicted') - $evicted, '>=', 999, 'one after the other');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM advisory_lock.locks WHERE name LIKE 'held %'"),
	'48', 'and no name that is held made way');

# A session that remembers where a name was finds another there, which gets
# nothing of what happens to the first, and is not kept for it either.
$holder->query('SELECT advisory_lock.unlock_all()');
my $returning = session($node);
$returning->query("SELECT advisory_lock.lock('returning'), advisory_lock.unlock('returning')");
$node->safe_psql('postgres', <<'EOT');
SELECT advisory_lock.lock('in its place ' || i), advisory_lock.unlock('in its place ' || i)
FROM generate_series(1, 200) i
EOT
is($node->safe_psql('postgres',
		"SELECT count(*) FROM advisory_lock.stats WHERE name = 'returning'"),
	'0', 'a name that made way');
$returning->query("SELECT advisory_lock.lock('returning')");
is($node->safe_psql('postgres',
		"SELECT string_agg(name, ', ') FROM advisory_lock.locks WHERE name LIKE 'returning%'"),
	'returning', 'is known again when it is used again');
is($node->safe_psql('postgres',
		"SELECT name, acquisitions FROM advisory_lock.stats WHERE acquisitions <> 1 OR name = 'returning'"),
	'returning|1', 'and is counted in a place of its own');
$returning->query("SELECT advisory_lock.unlock('returning')");
$untracked = counter('untracked');
$holder->query("SELECT advisory_lock.lock_many(ARRAY(SELECT 'all ' || i FROM generate_series(1, 49) i))");
is(counter('untracked') - $untracked, '0', 'nothing keeps a place that nobody uses');

done_testing();
