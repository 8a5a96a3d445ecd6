# Copyright (c) 2026 the advisory_lock authors

# The view locks reads the lock table itself.  Its rows are those of pg_locks
# and pg_stat_activity, for everybody who may read these and nobody else, with
# all that there is to be told of a lock at once.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main',
	conf => "listen_addresses = '127.0.0.1'\nmax_prepared_transactions = 2\nmax_locks_per_transaction = 128\n");
my $registry = $node->safe_psql('postgres', 'SELECT advisory_lock.has_registry()') eq 't';
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE watcher LOGIN;
GRANT pg_monitor TO watcher;
CREATE DATABASE other;
EOT
$node->safe_psql('other', 'CREATE EXTENSION advisory_lock');

sub login
{
	my ($role, $dbname) = @_;

	local $ENV{PGUSER} = $role;
	return session($node, $dbname // 'postgres');
}

# === All kinds of locks at once ===

my ($one, $other) = ('job-c5cd926bdf8b1673', 'job-45f2cc9a4e570bef');	# with one key
my $observer = session($node);
my $alice = do { local $ENV{PGHOSTADDR} = '127.0.0.1'; login('alice') };
my $bob = login('bob');
my $many = session($node);
my @waiters = map { login($_) } qw(alice bob bob);

$alice->query("SET application_name = 'it is alice'");
$alice->query("SELECT advisory_lock.lock('of alice'), advisory_lock.lock_shared('shared'), advisory_lock.lock('$one')");
$alice->query('SELECT pg_advisory_lock(1, -2), pg_advisory_lock(-3), pg_advisory_lock_shared(-2147483648, 2147483647)');
$alice->query("SELECT advisory_lock.lock(4711), advisory_lock.lock_shared(1, 3), pg_advisory_lock(72707369)");
$bob->query("BEGIN; SELECT advisory_lock.xact_lock('of bob'), advisory_lock.xact_lock_shared('shared'), advisory_lock.lock_shared('both')");
$bob->query("SELECT advisory_lock.lock('both'), pg_advisory_xact_lock(5), pg_advisory_lock(8589934595)");
$many->query("SELECT count(advisory_lock.lock('held ' || i)) FROM generate_series(1, 50) i");
$many->query("SELECT advisory_lock.label_key(-3, 'a label'), advisory_lock.label_key(1, -2, 'another')");
$many->query("SELECT advisory_lock.acquire_permit('pool', 2), advisory_lock.acquire_lease('leased', '1h', holder => 'a job')");
$bob->query("COMMIT; BEGIN; SELECT advisory_lock.xact_lock('of bob'), advisory_lock.xact_lock_shared('shared')");
$bob->query("SELECT advisory_lock.acquire_permit('pool', 2), advisory_lock.acquire_lease(815, '1h')");
$node->safe_psql('postgres', "BEGIN; SELECT advisory_lock.xact_lock('prepared'), pg_advisory_xact_lock(6, 7); PREPARE TRANSACTION 'p'");
$node->safe_psql('postgres', "SET advisory_lock.lock_delay = '1h'; SELECT advisory_lock.lock('lost'), advisory_lock.lock(99)");
my $elsewhere = login('alice', 'other');
$elsewhere->query("SELECT advisory_lock.lock('of alice'), pg_advisory_lock(1, 2)");

# Who waits: for a lock, for its name's namesake, for a key, to have exclusively
# what is held shared, for a permit, for a lease and for the end of a delay.
my @waits = (
	"SELECT advisory_lock.lock('of alice')",
	"SELECT advisory_lock.lock_shared('$other')",
	'SELECT pg_advisory_lock(1, -2)');
$waiters[$_]->start($waits[$_]) foreach 0 .. $#waits;
$_->wait_blocked foreach @waiters;
my $upgrade = login('bob');
$upgrade->query("SELECT advisory_lock.lock_shared('shared')");
$upgrade->start("SELECT advisory_lock.lock('shared')");
$upgrade->wait_blocked;
my @crowd = map { login('alice') } 1 .. 2;
foreach my $i (0 .. $#crowd)
{
	$crowd[$i]->start("SELECT advisory_lock.acquire_permit('pool', 2)");
	# the first by marks, see awaited.c, and who comes behind it in the queue
	wait_until
	{
		$observer->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND (NOT granted OR objsubid = 21878) AND pid = '
			  . $crowd[$i]->pid) ne '0'
	}
	'the next one waits for a permit';
}
my $tenant = login('bob');
$tenant->start("SELECT advisory_lock.lock('leased')");
my $heir = login('alice');
$heir->start("SELECT advisory_lock.lock('lost')") if $registry;
foreach my $session ($tenant, $registry ? $heir : ())
{
	wait_until { $observer->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND granted AND pid = ' . $session->pid) ne '0' }
	'it has the lock, but is kept off';
}

# === The same rows as those of core's views ===

my $of_core = <<'EOT';
SELECT CASE l.mode WHEN 'ShareLock' THEN 'shared' ELSE 'exclusive' END AS mode, l.pid, a.usename, a.application_name, a.client_addr,
       l.waitstart AS waiting_since, CASE WHEN l.objsubid = 2 THEN l.classid::bigint::bit(32)::integer END AS key1,
       CASE WHEN l.objsubid = 2 THEN l.objid::bigint::bit(32)::integer END AS key2,
       CASE WHEN l.objsubid = 1 THEN l.classid::bigint << 32 | l.objid::bigint END AS key
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.objsubid IN (1, 2)
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
EOT
my $of_view = <<'EOT';
SELECT mode, pid, usename, application_name, client_addr, waiting_since, key1, key2, key
  FROM advisory_lock.locks
 WHERE (pid IS NOT NULL OR delayed_until IS NULL) AND expires_at IS NULL
EOT

foreach my $role (qw(postgres alice bob watcher))
{
	my $session = $role eq 'postgres' ? $observer : login($role);

	is($session->query("SELECT count(*) FROM ($of_view) v"),
		$session->query("SELECT count(*) FROM ($of_core) c"), "as many rows for $role as pg_locks has");
	is($session->query("SELECT * FROM ($of_core EXCEPT $of_view) x"), '', '... all of them');
	is($session->query("SELECT * FROM ($of_view EXCEPT $of_core) x"), '', '... and no others');
}
# === What is told of them ===

# The rows of a name or key, as that role sees them.
sub told
{
	my ($role, $condition) = @_;

	return $node->safe_psql('postgres', "SET ROLE $role; SELECT concat_ws(' ', name, mode, granted, usename, coalesce(key::text, (key1, key2)::text),"
		  . " delay_reason, tool, held_by) FROM advisory_lock.locks WHERE $condition ORDER BY granted DESC, 1");
}
is($observer->query("SELECT count(*), count(token), count(acquired_at), count(DISTINCT token) FROM advisory_lock.locks WHERE pid = @{[ $many->pid ]}"),
	$registry ? '51|51|51|51' : '51|0|0|0', 'more locks than the board has room for, each with its own label');
SKIP:
{
	skip 'no registry', 9 unless $registry;

	my $hidden = '<insufficient privilege>';
	my $key = 'key1 = (advisory_lock.key(%s)).key1';

	my $pair = $observer->query(sprintf "SELECT advisory_lock.key('%s')", $one);
	is(told('watcher', sprintf $key, "'$one'"), "$one exclusive t alice $pair\n$other shared f bob $pair", 'two names with one key');
	is(told('bob', sprintf $key, "'$one'"), "$hidden exclusive t alice $pair\n$other shared f bob $pair", '... each to whom it belongs');
	like(told('watcher', "name = 'shared' AND NOT granted"), qr/^shared exclusive f bob/, 'who is to have it exclusively waits');
	is(told('watcher', "pid IS NULL AND delay_reason = 'holder lost' AND key IS NOT NULL"), "exclusive t 99 holder lost", 'a delay of a key');
	like(told('watcher', "pid IS NULL AND name = 'lost'"), qr/^lost exclusive t .* holder lost$/, '... and of a name');
	like(told('bob', "delay_reason = 'lease'"), qr/^leased exclusive f bob .* lease$/, 'who is kept off by a lease');
	like(told('alice', "delay_reason = 'holder lost' AND pid IS NOT NULL"), qr/^lost exclusive f alice .* holder lost$/, '... and by a delay');
	is( $observer->query("SELECT blocked_by @> ARRAY[@{[ $bob->pid ]}, @{[ $many->pid ]}] FROM advisory_lock.locks WHERE name = 'pool#queue' AND granted"),
		't', 'the head of a permit queue is blocked by all holders');
	is($observer->query("SELECT blocked_by FROM advisory_lock.locks WHERE name = 'pool#queue' AND NOT granted"),
		"{@{[ $crowd[0]->pid ]}}", '... and who is behind it by the head');
}
is(told('watcher', "key = 72707369"), 'exclusive t alice 72707369 Prisma Migrate', 'a key of a known tool');
is(told('watcher', 'key1 = 1 AND key2 = -2'), "another exclusive t alice (1,-2)\nanother exclusive f bob (1,-2)", 'the label that was given to a key');
is(told('watcher', "held_by IS NOT NULL AND name = 'leased'") =~ s/\(.*\)/key/r, 'leased exclusive t key a job', 'a lease');
is(told('bob', 'held_by IS NOT NULL AND key1 IS NOT NULL') =~ s/\(.*\)/key/r,
	'<insufficient privilege> exclusive t key <insufficient privilege>', '... of somebody else');

# === Who may read it ===

# Those who may read core's views, and call the functions behind these.
my $reader = login('alice');
foreach my $relation (qw(pg_locks pg_stat_activity))
{
	$node->safe_psql('postgres', "REVOKE SELECT ON $relation FROM PUBLIC");
	is($reader->sqlstate_of('SELECT name FROM advisory_lock.locks'), '42501', "not who may not read $relation");
	$node->safe_psql('postgres', "GRANT SELECT ON $relation TO PUBLIC");
}
foreach my $function ('pg_lock_status()', 'pg_stat_get_activity(integer)')
{
	$node->safe_psql('postgres', "REVOKE EXECUTE ON FUNCTION $function FROM PUBLIC");
	is($reader->sqlstate_of('SELECT name FROM advisory_lock.locks'), '42501', "not who may not call $function");
	is($reader->sqlstate_of('SELECT name FROM advisory_lock.lock_rows()'), '42501', '... in no way');
	$node->safe_psql('postgres', "GRANT EXECUTE ON FUNCTION $function TO PUBLIC");
}
isnt($reader->query('SELECT count(*) FROM advisory_lock.locks'), '0', 'who may read all of them may');

$node->safe_psql('postgres', "ROLLBACK PREPARED 'p'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	  . " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
$_->quit foreach $observer, $reader, $alice, $bob, $many, $elsewhere, $upgrade, @crowd, $tenant, $heir, @waiters;
done_testing();
