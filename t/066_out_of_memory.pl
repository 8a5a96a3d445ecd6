# Copyright (c) 2026 the advisory_lock authors

# A session that gets no memory any more gets errors, and nothing worse: it does
# not wait for itself or keep others waiting, and it holds what it held.  Needs
# a session with a limit of its own.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $missing = missing_program('prlimit');
plan skip_all => "$missing is not installed" if $missing;

# Each new name makes another one go, for which the session takes a lock.
my $NAMES = 64;
my $node = start_node('main', preload => 1,
	conf => "max_locks_per_transaction = 1000\nadvisory_lock.max_names = $NAMES");
my $other = session($node);
$other->query("SELECT advisory_lock.lock('old ' || i), advisory_lock.unlock('old ' || i) FROM generate_series(1, $NAMES) i");
$other->query('CREATE SEQUENCE raw');

# More labels than it has on the board, so it looks into the shared table.
my $OWN = 40;

# It spends what is left on core's locks, and then has memory for one more: for
# ours, but not for a look at the name that is to go.
my $SPEND = join '', map { "SELECT count(pg_advisory_lock(nextval('raw'))) FROM generate_series(1, $_);\n" }
  8000, 4000, 2000, 1000, 500, 200, 100, 50, 20, (10) x 5, (1) x 60;
my $ASK = join '', map { "SELECT advisory_lock.lock('new $_');\nSELECT advisory_lock.unlock('new $_');\n" } 1 .. 300;

foreach my $left (0, 200, 400)
{
	my $session = session($node);
	$session->query('SELECT pg_advisory_lock(1, 1)');
	$session->query("SELECT advisory_lock.lock('own ' || i) FROM generate_series(1, $OWN) i");
	$session->query("SELECT advisory_lock.lock('warm')");
	$session->query("SELECT advisory_lock.unlock('warm')");

	my ($kb) = slurp_file('/proc/' . $session->pid . '/status') =~ /^VmSize:\s+(\d+)/m;
	system_or_bail('prlimit', '--pid', $session->pid, '--as=' . ($kb + $left) * 1024 . ':');
	$session->start("$SPEND SELECT pg_advisory_unlock(1, 1);\n$ASK");
	$session->finish_state;
	like($session->messages, qr/ERROR:  out of memory/, "a session runs out of memory with $left kB left");
	unlike($session->messages, qr/ERROR:  (?!out of memory)|FATAL|PANIC/, 'which is all that happens to it');
	is($other->query("SELECT advisory_lock.try_lock('own ' || i) FROM generate_series(1, $OWN, 13) i"),
		join("\n", ('f') x 4), 'it holds what it held');
	$other->query("SELECT advisory_lock.lock('more ' || i), advisory_lock.unlock('more ' || i) FROM generate_series(1, 200) i");
	pass('others can use all names');

	system_or_bail('prlimit', '--pid', $session->pid, '--as=unlimited:');
	is($session->query('SELECT advisory_lock.unlock_all()'), $OWN, 'and with memory again it can release them');
	$session->query('SELECT pg_advisory_unlock_all()');
	is($other->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'so that nothing is left');
	$session->quit;
}

done_testing();
