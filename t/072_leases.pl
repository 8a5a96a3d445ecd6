# Copyright (c) 2026 the advisory_lock authors

# Leases and what else can hold a name: sessions, transactions, prepared ones,
# raw keys.  And what leases survive: crashes, failover, DROP EXTENSION, dumps;
# with the registry and, before PostgreSQL 17, without.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;

my $node = start_node('main', init => [ allows_streaming => 1 ],
	conf => "restart_after_crash = on\nmax_prepared_transactions = 5\nautovacuum = off");
my $holder = session($node);
my $other = session($node);

sub lease
{
	my ($name, $duration) = @_;
	return $node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease('$name', '$duration')");
}

sub try_lease
{
	my ($name) = @_;
	return $other->query("SELECT advisory_lock.acquire_lease('$name', '1 min') IS NOT NULL");
}

# === Everything that can hold a lock keeps a lease off ===

my $raw = $node->safe_psql('postgres', "SELECT key1 || ', ' || key2 FROM advisory_lock.key('job')");
# By which key, and how a lease of that is asked for.
foreach my $case (
	[ "'job'", $raw, "'job', '1 min'" ],
	[ '72707369', '72707369', "72707369, '1 min'" ],
	[ $raw, $raw, "$raw, '1 min', '0', NULL" ],
	[ "'job'", $raw, "$raw, '1 min', '0', NULL" ],
	[ $raw, $raw, "'job', '1 min'" ])
{
	my ($lock, $key, $lease) = @$case;
	my $ask = "SELECT advisory_lock.acquire_lease($lease) IS NOT NULL";

	foreach my $way (
		[ 'a session lock', "SELECT advisory_lock.lock($lock)", "SELECT advisory_lock.unlock($lock)" ],
		[ 'a shared lock', "SELECT advisory_lock.lock_shared($lock)", "SELECT advisory_lock.unlock_shared($lock)" ],
		[ 'a transaction lock', "BEGIN; SELECT advisory_lock.xact_lock($lock)", 'COMMIT' ],
		[ 'an uncommitted lease', "BEGIN; SELECT advisory_lock.acquire_lease($lease)", 'ROLLBACK' ],
		[ "a raw lock, and npm's", "SELECT pg_advisory_lock($key)", "SELECT pg_advisory_unlock($key)" ])
	{
		my ($name, $take, $give) = @$way;

		$holder->query($take);
		is($other->query($ask), 'f', "$lock, $lease: $name keeps a lease off");
		$holder->query($give);
		is($other->query($ask), 't', "$name was released");
		$other->query("SELECT advisory_lock.terminate_holders($lock)");
	}
}
$holder->query("SELECT advisory_lock.lock_many(ARRAY['job', 'more'])");
is(try_lease('job'), 'f', 'one of many keeps a lease off');
$holder->query('SELECT advisory_lock.unlock_all()');
$holder->query("SELECT advisory_lock.acquire_permit('pool', 2)");
is(try_lease('pool#1'), 'f', 'a permit keeps a lease of its own name off');
$holder->query("SELECT advisory_lock.release_permit('pool', 1)");

# === A lease keeps everything off, and a timeout is kept ===

# A busy machine may make any of them late, but hardly five times in a row.
sub best_wait
{
	my ($statement) = @_;
	my $best = 9;

	foreach my $attempt (1 .. 5)
	{
		my $begin = time;
		$other->start($statement);
		my $state = $other->finish_state;
		# By the server's clock where the statement tells it.
		my $took = $other->output =~ /(\d+\.\d+)$/ ? $1 : time - $begin;
		return -1 if $took < 0.2 || $other->output =~ /\bt\b/ || $state !~ /^(00000|55P03)$/;
		$best = $took if $took < $best;
		last if $best <= 0.3;
	}
	return $best;
}

my $token = lease('job', '1 min');
lease("pool#$_", '1 min') foreach 1, 2;
$node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease(5, '1 h')");
foreach my $form (
	(map { "SELECT advisory_lock.$_('job', '200 ms')" } qw(try_lock try_lock_shared try_xact_lock try_xact_lock_shared)),
	"SELECT advisory_lock.try_lock_many(ARRAY['more', 'job'], '200 ms')",
	"SELECT advisory_lock.acquire_permit('pool', 2, '200 ms') IS NOT NULL",
	"SELECT advisory_lock.acquire_lease('job', '1 min', '200 ms') IS NOT NULL",
	"SELECT advisory_lock.try_lock($raw, '200 ms')", "SELECT advisory_lock.acquire_lease($raw, '1 min', '200 ms', NULL) IS NOT NULL",
	"SELECT advisory_lock.try_lock(5, '200 ms')", "SELECT advisory_lock.acquire_lease(5, '1 min', '200 ms') IS NOT NULL")
{
	my $best = best_wait("$form, extract(epoch FROM clock_timestamp() - statement_timestamp())");
	cmp_ok($best, '>=', 0.2, "$form: a lease keeps it off until the time is over");
	cmp_ok($best, '<=', 0.3, '... and not much longer');
}
foreach my $form ("CALL advisory_lock.acquire('job', '200 ms')", "CALL advisory_lock.acquire(5, '200 ms')",
	"CALL advisory_lock.acquire($raw, '200 ms', false, NULL)", "CALL advisory_lock.acquire_many(ARRAY['more', 'job'], '200 ms')",
	"SET lock_timeout = '200 ms'; SELECT advisory_lock.lock('job')", "SET lock_timeout = '200 ms'; SELECT advisory_lock.lock_many(ARRAY['job'])")
{
	my $best = best_wait($form);
	cmp_ok($best, '>=', 0.2, "$form: a lease keeps it off until the time is over");
	cmp_ok($best, '<=', 0.3, '... and not much longer');
	$other->query('RESET lock_timeout');
}
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders($_)") foreach "'pool#1'", "'pool#2'", 5;
my $begin;

# Who waits for the end of a lease says so, and learns of the end at once.
$holder->start("SELECT advisory_lock.lock('job')");
wait_until
{
	$other->query("SELECT count(*) FROM advisory_lock.locks
		 WHERE name = 'job' AND pid = " . $holder->pid . " AND NOT granted AND delay_reason = 'lease'")
}
'the waiter is seen'
  if $other->query('SELECT advisory_lock.has_registry()') eq 't';
is($node->safe_psql('postgres', "SELECT advisory_lock.release_lease('job', $token)"), 't', 'released');
cmp_ok($holder->finish, '>', $token, 'the waiter has it, with a newer token');
$holder->query("SELECT advisory_lock.unlock('job')");

# So does one whose lease simply ends.
$begin = time;
lease('job', '1 s');
cmp_ok($holder->query("SELECT advisory_lock.lock('job')"), '>', $token, 'the lease ended');
cmp_ok(time - $begin, '>=', 1, 'but not before its time');
$holder->query("SELECT advisory_lock.unlock('job')");

# === A lease by key is shown as a session's lock by key: under the name that is known ===

$token = $node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease($raw, '1 min', '0', NULL)");
SKIP:
{
	skip 'no registry', 3 if $other->query('SELECT advisory_lock.has_registry()') eq 'f';
	is($other->query("SELECT name, granted, held_by IS NOT NULL FROM advisory_lock.locks WHERE token = $token"), 'job|t|t', 'the name is known');
	# Who was lost with a lock keeps a lease off, and lets it in when that is lifted.
	$node->safe_psql('postgres', "SET advisory_lock.lock_delay = '1 h'; SELECT advisory_lock.lock(72707369)");
	wait_until
	{
		$other->query('SELECT delay_reason, key, tool FROM advisory_lock.locks WHERE delayed_until IS NOT NULL') eq
		  'holder lost|72707369|Prisma Migrate'
	}
	'the delay is shown when the session has ended';
	is($other->query("SELECT advisory_lock.acquire_lease(72707369, '1 min', '10 ms')"), '', 'it keeps a lease by key off');
	$other->query('SELECT advisory_lock.terminate_holders(72707369)');
	is($other->query("SELECT advisory_lock.acquire_lease(72707369, '1 min') IS NOT NULL"), 't', 'until it is lifted');
	$other->query('SELECT advisory_lock.terminate_holders(72707369)');
}
is($node->safe_psql('postgres', "SELECT advisory_lock.release_lease('job', $token)"), 't', 'and it ends by the name, too');

# === A renewal that is not committed yet ===

$token = lease('job', '1 s');
$holder->query("BEGIN; SELECT advisory_lock.renew_lease('job', $token, '1 h')");
$other->query('SELECT pg_sleep(1.2)');
is($other->query("SELECT advisory_lock.try_lock('job')"), 'f', 'counts from when it was written');
is($other->query("SELECT advisory_lock.try_lock('job', '100 ms')"), 'f', 'however long that takes');
$holder->query('COMMIT');
is($other->query("SELECT advisory_lock.try_lock('job')"), 'f', 'and when it is committed');
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('job')");

# === Two renewals in flight, and one whose answer was lost ===

$token = lease('job', '1 min');
$holder->query("BEGIN; SELECT advisory_lock.renew_lease('job', $token, '1 h')");
$other->start("SELECT advisory_lock.renew_lease('job', $token, '2 min') > now() + interval '50 min'");
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_activity
	WHERE wait_event_type = $$Lock$$ AND pid = ' . $other->pid) eq '1' } 'the second renewal waits for the first';
$holder->query('COMMIT');
is($other->finish, 't', 'two renewals in flight do not shorten it');
$holder->query("SELECT advisory_lock.renew_lease('job', $token, '2 h')");
my $row = 'SELECT token, expires_at FROM advisory_lock.leases WHERE name = $$job$$';
my ($before) = $node->safe_psql('postgres', $row);
$holder->query('SELECT pg_sleep(0.01)');
is($holder->query("SELECT advisory_lock.renew_lease('job', $token, '2 h') > now() + interval '119 min'"), 't',
	'a renewal can be repeated');
my ($after) = $node->safe_psql('postgres', $row);
is((split /\|/, $after)[0], $token, '... with the same token');
cmp_ok($after, 'gt', $before, '... and a later end');
$node->safe_psql('postgres', "SELECT advisory_lock.terminate_holders('job')");

# === Months and days are not what the calendar makes of them ===

$token = lease('calendar', '1 min');
my $at_least = $other->query("SELECT advisory_lock.release_lease('calendar', $token, '120000 months -3600000 days 1 hour')"
	. " FROM pg_sleep(0); SELECT expires_at - acquired_at FROM advisory_lock.leases WHERE name = 'calendar'");
is($at_least, "t\n01:00:00", 'others are kept off as long as was checked');

# === Who has waited within a transaction's snapshot is told what there is ===

$holder->query("SELECT advisory_lock.lock('snapshot')");
$other->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$holder->query("SELECT advisory_lock.record_run('snapshot', advisory_lock.token('snapshot'), now()); SELECT advisory_lock.unlock('snapshot')");
is($other->query("SELECT advisory_lock.xact_lock('snapshot') > 0; SELECT advisory_lock.last_run('snapshot') IS NOT NULL"),
	"t\nt", 'the run that was recorded meanwhile');
$other->query('COMMIT');

# === Prepared transactions ===

$holder->query("BEGIN; SELECT advisory_lock.acquire_lease('prepared', '1 h'); PREPARE TRANSACTION 'lease'");
is(try_lease('prepared'), 'f', 'a prepared lease keeps others off');
crash_backend($node, $holder->pid);
$holder->quit;
$other->quit;
$other = session($node);
is(try_lease('prepared'), 'f', 'over a crash, too');
$other->query("COMMIT PREPARED 'lease'");
is($other->query("SELECT advisory_lock.try_lock('prepared')"), 'f', 'and when it is committed');

# === What others rely on is on disk, whatever the caller's own data may be ===

# Nobody else writes it: the WAL writer is stopped.  A record of the server's own
# comes between at times, and so does a flush, but hardly most times.
sub is_flushed
{
	my ($call) = @_;
	my $flushed = 0;

	foreach (1 .. 5)
	{
		$other->query("SELECT $call");
		$flushed++ if $other->query('SELECT pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn()') eq 't';
	}
	return $flushed > 2;
}

my $wal_writer = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
kill 'STOP', $wal_writer;
$other->query('SET synchronous_commit = off; CREATE TEMP SEQUENCE s');
ok(!is_flushed('txid_current()'), 'what the caller writes need not be');
ok(is_flushed("advisory_lock.acquire_lease('lazy' || nextval('s'), '1 h')"), 'a lease is');
$token = $other->query("SELECT advisory_lock.acquire_lease('lazy', '1 h')");
ok(is_flushed("advisory_lock.renew_lease('lazy', $token, '1 h')"), 'a renewal is');
ok(is_flushed("advisory_lock.record_run('lazy', $token, now())"), 'a run is');
ok(is_flushed("advisory_lock.release_lease('lazy', $token, '1 min')"), 'and for how long others are kept off');
$other->query('RESET synchronous_commit');
kill 'CONT', $wal_writer;

# === A crash, a restart, a standby that is promoted ===

$token = lease('durable', '1 h');
my $of_key = $node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease(72707369, '1 h')");
my $of_pair = $node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease(1, 2, '1 h', '0', NULL)");

# Leases by key keep others off, and are renewed with their tokens.
sub check_leases_by_key
{
	my ($session, $name) = @_;

	is($session->query("SELECT advisory_lock.try_lock(72707369), advisory_lock.try_lock(1, 2, '0')"), 'f|f', "$name: leases by key are there");
	is( $session->query("SELECT advisory_lock.renew_lease(72707369, $of_key, '1 h') > now(),
			advisory_lock.renew_lease(1, 2, $of_pair, '1 h') > now()"), 't|t', 'and are renewed');
}

$node->backup('base');
$other->quit;
$node->stop('immediate');
$node->start;
$other = session($node);
is($other->query("SELECT advisory_lock.try_lock('durable')"), 'f', 'a lease survives a crash of the server');
is($other->query("SELECT advisory_lock.renew_lease('durable', $token, '1 h') > now()"), 't', 'and is renewed');
is($other->query("SELECT advisory_lock.try_lock('other')"), 't', 'other names are free');
check_leases_by_key($other, 'after a crash');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
configure_registry($standby);
$standby->start;
my $later = lease('later', '1 h');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $session = session($standby);
is($session->sqlstate_of("SELECT advisory_lock.acquire_lease('x', '1 min')"), '25006', 'no lease on a standby');
$standby->promote;
wait_until { $session->query('SELECT pg_is_in_recovery()') eq 'f' } 'it is promoted';
is($session->query("SELECT advisory_lock.try_lock('later')"), 'f', 'a lease survives a failover');
is($session->query("SELECT advisory_lock.renew_lease('later', $later, '1 h') > now()"), 't', 'and is renewed');
check_leases_by_key($session, 'after a failover');
cmp_ok($session->query("SELECT advisory_lock.acquire_lease('new', '1 min')"), '>', $later, 'tokens go on');
$session->quit;
$standby->stop('immediate');

# === Dumps: what is not over, and runs; whichever way it comes in ===

$node->safe_psql('postgres', "SELECT advisory_lock.acquire_lease('over', '1 s');
	SELECT advisory_lock.record_run('durable', $token, now()), advisory_lock.record_run(72707369, $of_key, now());
	SELECT pg_sleep(1.1); CREATE DATABASE restored TEMPLATE template0");
my $file = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $file, '-d', conninfo($node) ], 'dumped');
my $early = session($node, 'restored');
$early->query("CREATE EXTENSION advisory_lock; SELECT advisory_lock.try_lock('x'); DROP EXTENSION advisory_lock");
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', conninfo($node, 'restored') ], 'restored');
is($early->query("SELECT advisory_lock.try_lock('durable')"), 'f', 'a restored lease keeps others off');
is($early->query("SELECT advisory_lock.renew_lease('durable', $token, '1 h') > now()"), 't', 'and is renewed');
is($early->query('SELECT count(*) FROM advisory_lock.leases WHERE name = $$over$$'), '0', 'what was over is not there');
is($early->query("SELECT advisory_lock.last_run('durable') IS NOT NULL, advisory_lock.last_run(72707369) IS NOT NULL"), 't|t', 'runs are');
check_leases_by_key($early, 'restored');
cmp_ok($early->query("SELECT advisory_lock.acquire_lease('new', '1 min')"), '>', $token, 'tokens go on');

# === DROP EXTENSION takes the leases along ===

$early->query('DROP EXTENSION advisory_lock; CREATE EXTENSION advisory_lock');
is($early->query("SELECT advisory_lock.try_lock('durable')"), 't', 'no lease without its row');
$early->query("SELECT advisory_lock.unlock_all()");
is($early->query("SELECT advisory_lock.acquire_lease('durable', '1 h') > 0; SELECT advisory_lock.try_lock('durable')"),
	"t\nf", 'and new ones count');

# === Renewals stay in their page ===

$other->query('SELECT pg_stat_reset_single_table_counters($$advisory_lock.leases$$::regclass)');
$other->query("SELECT count(advisory_lock.renew_lease('durable', $token, '1 h')) FROM generate_series(1, 10)") for 1 .. 30;
my $updates = wait_until
{
	my $row = $node->safe_psql('postgres', 'SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
		 WHERE relid = $$advisory_lock.leases$$::regclass');
	$row =~ /^(\d+)/ && $1 >= 300 && $row
}
'statistics have arrived';
my ($all, $hot) = split /\|/, $updates;
cmp_ok($hot, '>=', 0.99 * $all, 'renewals are HOT updates');
cmp_ok($node->safe_psql('postgres', 'SELECT pg_relation_size($$advisory_lock.leases$$)'), '<=', 65536, 'in few pages');

# === Who asks for a lease waits for nobody who has gone ===

$node->safe_psql('postgres',
	"INSERT INTO advisory_lock.lease_queue SELECT key1, key2, 2, 1, current_user, now() - interval '2 h' FROM advisory_lock.key('turn')");
my $leaving = session($node);
is($leaving->query("BEGIN; SELECT advisory_lock.leave_lease_queue('turn', 1)"), 't', 'a transaction takes its place in the queue away');
is( $node->safe_psql('postgres', "SET statement_timeout = '30 s'; SELECT token > 0 FROM advisory_lock.queue_lease('turn', '1 min')"),
	't', '... and others are served before it has ended');

done_testing();
