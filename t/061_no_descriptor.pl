# Copyright (c) 2026 the advisory_lock authors

# Sessions that can open no file any more, or make no large one: they lock,
# unlock, commit and end like others.  Needs sessions with limits of their own.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $missing = missing_program('prlimit');
plan skip_all => "$missing is not installed" if $missing;

# With so many names the registry is larger than any other file of the server.
my $node = start_node('main', conf => "restart_after_crash = off\nadvisory_lock.max_names = 30000");
my $other = session($node);

# From now on a session can open so many files more.
sub leave_descriptors
{
	my ($session, $count) = @_;
	my @open = glob('/proc/' . $session->pid . '/fd/*');
	my $limit = @open + $count;

	system_or_bail('prlimit', '--pid', $session->pid, "--nofile=$limit:");
	return;
}

foreach my $count (0, 1)
{
	my $session = session($node);

	# Everything but the registry is open, and its functions are loaded.
	$session->query("SELECT advisory_lock.key('a')");
	leave_descriptors($session, $count);
	like($session->sqlstate_of("SELECT advisory_lock.lock('first use')"), qr/^(00000|53000)$/,
		"a lock as the first use with $count descriptors left");
	is($session->query("BEGIN; SELECT 1; COMMIT"), '1', 'and the session lives');
	$session->quit;

	# Others make more names known than a session that is attached has seen.
	$session = session($node);
	$session->query("SELECT advisory_lock.lock('a'); SELECT advisory_lock.unlock('a')");
	leave_descriptors($session, $count);
	$session->query("SET advisory_lock.lock_delay = '10 s'");
	$other->query("SELECT advisory_lock.lock('name ' || i), advisory_lock.unlock('name ' || i)
		 FROM generate_series(1, 5000) i");
	cmp_ok($session->query("BEGIN; SELECT advisory_lock.xact_lock('name 4999')"), '>', 0,
		"a lock in a transaction with $count descriptors left");
	$session->query('COMMIT');
	pass('and its commit');
	$session->query("SELECT count(advisory_lock.lock('name ' || i)) FROM generate_series(1, 3000) i");
	is($other->query("SELECT advisory_lock.try_lock('name 2999')"), 'f', 'it holds what it took');
	$session->quit;
	wait_until
	{
		$other->query("SELECT count(*) FROM pg_stat_activity WHERE pid = " . $session->pid) eq '0'
	}
	'the session has ended';
	is($other->query("SELECT advisory_lock.try_lock('name 2998')"), 'f',
		'the session left the delay that it had asked for');
	$other->quit;
	$node->restart;
	$other = session($node);
}

SKIP:
{
	skip 'the registry is there from the start', 5 if preloads($node);

	my $session = session($node);
	system_or_bail('prlimit', '--pid', $session->pid, '--fsize=' . (16 << 20) . ':');
	cmp_ok($session->query("SELECT advisory_lock.lock('a')"), '>', 0,
		'a lock where the registry cannot be made');
	is($session->query('SELECT advisory_lock.has_registry()'), 'f', 'without it');
	is($other->query("SELECT advisory_lock.try_lock('a')"), 'f', 'excludes others');
	is($other->query('SELECT advisory_lock.has_registry()'), 't', 'who can make it');
	is($session->query("SELECT advisory_lock.unlock('a')"), 't', 'and is released');
}

done_testing();
