# Copyright (c) 2026 the advisory_lock authors

# The view "locks" tells who holds and who awaits which name, and stays right
# whatever releases the lock.  Crashes and kills need a server of our own.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main', conf => 'restart_after_crash = on');
my $observer = session($node);

# The rows of a name, as "mode granted pid" in a stable order.
sub rows
{
	my ($name) = @_;
	return $observer->query("SELECT mode, granted, pid FROM advisory_lock.locks
		 WHERE name = '$name' ORDER BY granted DESC, pid");
}

# === A holder, a waiter and what is told of them ===

my $holder = session($node);
my $waiter = session($node);
$holder->query("SET application_name = 'the holder'");
my $token = $holder->query("SELECT advisory_lock.lock('job')");
$waiter->start("SELECT advisory_lock.lock_shared('job')");
$waiter->wait_blocked;

is(rows('job'),
	"exclusive|t|" . $holder->pid . "\nshared|f|" . $waiter->pid,
	'holder and waiter have a row each');
is( $observer->query(
		"SELECT usename = current_user, application_name, client_addr IS NULL,
				acquired_at BETWEEN now() - interval '1 min' AND clock_timestamp(),
				waiting_since IS NULL, token, blocked_by IS NULL
		   FROM advisory_lock.locks WHERE name = 'job' AND granted"),
	"t|the holder|t|t|t|$token|t",
	'the row of the holder');
is( $observer->query(
		"SELECT acquired_at IS NULL,
				waiting_since BETWEEN now() - interval '1 min' AND clock_timestamp(),
				token IS NULL, blocked_by, (key1, key2) = advisory_lock.key('job')
		   FROM advisory_lock.locks WHERE name = 'job' AND NOT granted"),
	"t|t|t|{" . $holder->pid . "}|t",
	'the row of the waiter');

$holder->query("SELECT advisory_lock.unlock('job')");
$waiter->finish;
is(rows('job'), 'shared|t|' . $waiter->pid, 'the waiter is the holder now');
$waiter->query("SELECT advisory_lock.unlock_shared('job')");
is(rows('job'), '', 'nobody holds it any more');

# === What releases locks behind our back ===

my $key = "(advisory_lock.key('job')).key1, (advisory_lock.key('job')).key2";
foreach my $release (
	'DISCARD ALL',
	'SELECT pg_advisory_unlock_all()',
	"SELECT pg_advisory_unlock($key)")
{
	$holder->query("SELECT advisory_lock.lock('job')");
	is(rows('job'), 'exclusive|t|' . $holder->pid, "held before $release");
	$holder->query($release);
	is(rows('job'), '', "not held after $release");
	is($holder->query("SELECT advisory_lock.token('job') IS NULL"),
		't', "no token after $release");
}

$holder->query("BEGIN; SELECT advisory_lock.xact_lock('job')");
is(rows('job'), 'exclusive|t|' . $holder->pid, 'held in a transaction');
$holder->query('ROLLBACK');
is(rows('job'), '', 'not held after its rollback');

$holder->query("BEGIN; SAVEPOINT s; SELECT advisory_lock.xact_lock('job')");
$holder->query('ROLLBACK TO s');
is(rows('job'), '', 'not held after a rollback to a savepoint');
$holder->query('COMMIT');

# === Foreign holders are labelled too, when the name is known ===

$holder->query("SELECT pg_advisory_lock($key)");
is(rows('job'), 'exclusive|t|' . $holder->pid,
	'a plain advisory lock is shown under the name that has its key');
is($observer->query("SELECT acquired_at, token FROM advisory_lock.locks WHERE name = 'job'"),
	'|', 'with no time and no token');
$holder->query("SELECT pg_advisory_unlock($key)");

$holder->query('SELECT pg_advisory_lock(1, 2)');
is($observer->query('SELECT name IS NULL, key1, key2 FROM advisory_lock.locks'),
	't|1|2', 'a key that has no name is shown as a key');
$holder->query('SELECT pg_advisory_unlock(1, 2)');

# === Two names with one key ===

my ($one, $other) = ('job-c5cd926bdf8b1673', 'job-45f2cc9a4e570bef');
$holder->query("SELECT advisory_lock.lock('$one')");
unlike($holder->messages, qr/WARNING/, 'the first of two names with one key');
$waiter->start("SELECT advisory_lock.lock('$other')");
$waiter->wait_blocked;
is(rows($one), 'exclusive|t|' . $holder->pid, 'the first name is shown');
is(rows($other), 'exclusive|f|' . $waiter->pid, 'and so is the second');
$holder->query("SELECT advisory_lock.unlock('$one')");
$waiter->finish;
like($waiter->messages,
	qr/WARNING:  advisory lock names "$one" and "$other" have the same key/,
	'the second acquire warns with both names');
is(rows($other), 'exclusive|t|' . $waiter->pid, 'the second name after the grant');
$waiter->query('SELECT advisory_lock.unlock_all()');
$holder->query("SELECT advisory_lock.lock('$one')");
like($holder->messages, qr/"$other" and "$one" have the same key/,
	'both are known now, so each acquire warns');
$holder->query('SELECT advisory_lock.unlock_all()');

# === Sessions that end ===

$holder->query("SELECT advisory_lock.lock('job')");
$observer->query('SELECT pg_terminate_backend(' . $holder->pid . ')');
wait_until { rows('job') eq '' } 'the terminated holder is gone';
pass('a terminated holder is gone');
$holder->quit;

$holder = session($node);
$holder->query("SELECT advisory_lock.lock('job')");
crash_backend($node, $holder->pid);
$_->quit foreach $holder, $waiter, $observer;
$observer = session($node);
is(rows('job'), '', 'nothing is held after a crash restart');
$holder = session($node);
$holder->query("SELECT advisory_lock.lock('job')");
is(rows('job'), 'exclusive|t|' . $holder->pid, 'and the view works again');

# === A prepared transaction holds without a process ===

$node->append_conf('postgresql.conf', 'max_prepared_transactions = 1');
$node->restart;
$node->safe_psql('postgres',
	"BEGIN; SELECT advisory_lock.xact_lock('job'); PREPARE TRANSACTION 'p'");
is( $node->safe_psql(
		'postgres',
		"SELECT mode, granted, pid IS NULL FROM advisory_lock.locks WHERE name = 'job'"),
	'exclusive|t|t',
	'a prepared transaction has a row without a process');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'p'");

done_testing();
