# Copyright (c) 2026 the advisory_lock authors
#
# What core says about advisory locks shows key numbers; the context of the
# error says the name.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE TABLE things (id integer PRIMARY KEY); INSERT INTO things VALUES (1)');
my ($victim, $other) = map { session($node) } 1 .. 2;
$victim->query("SET deadlock_timeout = '10 ms'");
$other->query("SET deadlock_timeout = '1 h'");
my $HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

# Two named locks, waited for in every way.
foreach my $call (
	"SELECT advisory_lock.lock('second')",
	"SELECT advisory_lock.try_lock('second', '1 min')",
	"SELECT advisory_lock.lock_many(ARRAY['third', 'second'])",
	"CALL advisory_lock.acquire('second')")
{
	$victim->query("SELECT advisory_lock.lock('first')");
	$other->query("SELECT advisory_lock.lock('second')");
	$other->start("SELECT advisory_lock.lock('first')");
	$other->wait_blocked;
	is($victim->sqlstate_of($call), '40P01', "$call: a deadlock");
	like($victim->messages, qr/^(?:CONTEXT:  )?while acquiring exclusive advisory lock "second"$/m,
		'the context has the name');
	is($victim->query($HELD), 1, 'the victim holds what it held before');
	$victim->query('SELECT advisory_lock.unlock_all()');
	$other->finish;
	$other->query('SELECT advisory_lock.unlock_all()');
}

# Locks that have no name are told of by their key.
foreach my $case (
	[ '72707370', 'lock(72707370)' ],
	[ '-1497367772,-1', 'lock(-1497367772,-1)' ],
	[ '72707369', 'lock(72707369)', ' (Prisma Migrate)' ],
	[ '72707369', "acquire_lease(72707369, '1 min', '1 min')", ' (Prisma Migrate)' ],
	[ '-1497367772,-977423767', "acquire_lease(-1497367772, -977423767, '1 min', '1 min', NULL)", ' (liquibase-sessionlock)' ])
{
	my ($key, $call, $tool) = (@$case, '');

	$victim->query("SELECT advisory_lock.lock('first')");
	$other->query("SELECT advisory_lock.lock($key)");
	$other->start("SELECT advisory_lock.lock('first')");
	$other->wait_blocked;
	is($victim->sqlstate_of("SELECT advisory_lock.$call"), '40P01', "$call: a deadlock");
	like($victim->messages, qr/^CONTEXT:  while acquiring exclusive advisory lock \Q$key$tool\E$/m,
		'the context has the key');
	$victim->query('SELECT advisory_lock.unlock_all()');
	$other->finish;
	$other->query('SELECT advisory_lock.unlock_all()');
}

# A named lock and a row.
$other->query("SELECT advisory_lock.lock('first')");
$victim->query('BEGIN; SELECT FROM things FOR UPDATE');
$other->start('SELECT FROM things FOR UPDATE');
$other->wait_blocked;
is($victim->sqlstate_of("SELECT advisory_lock.lock_shared('first')"), '40P01',
	'a deadlock with a row');
like($victim->messages, qr/^(?:CONTEXT:  )?while acquiring shared advisory lock "first"$/m,
	'the context has the name and the mode');
is($victim->query("ROLLBACK; $HELD"), 0, 'the victim holds nothing');
$other->finish;

# Timeouts and cancels.
is($victim->sqlstate_of("SET lock_timeout = '10 ms'; SELECT advisory_lock.lock('first')"),
	'55P03', 'lock_timeout');
like($victim->messages, qr/^(?:CONTEXT:  )?while .*"first"$/m, 'with the name');
is($victim->sqlstate_of("RESET lock_timeout; SET statement_timeout = '10 ms'; SELECT advisory_lock.lock('first')"),
	'57014', 'statement_timeout');
like($victim->messages, qr/^(?:CONTEXT:  )?while .*"first"$/m, 'with the name');
is($victim->query("RESET statement_timeout; $HELD"), 0, 'nothing is held');

# A warning of core's, too.
$victim->query("BEGIN; SELECT advisory_lock.xact_lock('second')");
$victim->query("SET client_min_messages = warning");
$victim->query("\\set SHOW_CONTEXT always\nSELECT advisory_lock.unlock('second')");
like($victim->messages, qr/^(?:CONTEXT:  )?while .*"second"/m, 'what cannot be unlocked is named');

done_testing();
