# Copyright (c) 2026 the advisory_lock authors
#
# The setting lock_timeout ends every wait of an acquire, whatever it is for:
# a lock, one of several permits, the end of a delay.  A timeout of the call's
# own takes its place.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

# Before PostgreSQL 17 the second has no registry, and so no delays.
my @nodes = (start_node('with'), start_node('without', preload => 0));
my $HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
my $FOR_EVER = "'178000000 years'";

# Makes others be kept off from the name for an hour.
sub lose
{
	my ($node, $name) = @_;
	my $session = session($node);

	# In this order: the server has started just now, so the session would wait.
	$session->query("SELECT advisory_lock.lock('$name'); SET advisory_lock.lock_delay = '1 h'");
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $session->pid . ')');
	wait_until { !kill 0, $session->pid } 'the session is gone';
	$session->quit;
	return;
}

# The state, the output and the messages of a call under a setting, and whether
# it took as long as that.
sub under_setting
{
	my ($session, $setting, $call) = @_;

	$session->query("SET lock_timeout = '$setting'");
	my $begun = $session->query('SELECT clock_timestamp()');
	my $state = $session->sqlstate_of($call);
	my ($output, $messages) = ($session->output, $session->messages);
	return ($state, $output, $messages,
		$session->query("SELECT clock_timestamp() - '$begun' BETWEEN '200 ms' AND '20 s'"));
}

sub raises
{
	my ($session, $call) = @_;
	my ($state, undef, $messages, $in_time) = under_setting($session, '200 ms', $call);

	is($state, '55P03', "$call ends by lock_timeout");
	is($in_time, 't', 'in time');
	like($messages, qr/^(?:CONTEXT:  )?while acquiring .* ?"(pool|single|x|a)"/m, 'and says for what');
	is($session->query($HELD), 0, 'and holds nothing');
	return;
}

sub returns
{
	my ($session, $call, $expected) = @_;
	my ($state, $output, undef, $in_time) = under_setting($session, '1 ms', $call);

	is("$state $output", "00000 $expected", "$call has a limit of its own");
	is($in_time, 't', 'which counts');
	is($session->query($HELD), 0, 'and holds nothing');
	return;
}

foreach my $node (@nodes)
{
	my $has_registry = $node->psql('postgres', 'SELECT FROM advisory_lock.stats') == 0;
	my ($holder, $session) = map { session($node) } 1 .. 2;

	$holder->query("SELECT advisory_lock.acquire_permit('pool', 2)") foreach 1 .. 2;
	$holder->query("SELECT advisory_lock.acquire_permit('single', 1)");
	$holder->query("SELECT advisory_lock.lock('x')");
	if ($has_registry)
	{
		lose($node, $_) foreach 'a', 'late#1', 'late#2';
	}

	raises($session, "SELECT advisory_lock.lock('x')");
	raises($session, "SELECT advisory_lock.acquire_permit('single', 1)");
	raises($session, "SELECT advisory_lock.acquire_permit('pool', 2)");
	raises($session, "CALL advisory_lock.acquire('pool', permits => 2)");
	returns($session, "SELECT advisory_lock.try_lock('x', '200 ms')", 'f');
	returns($session, "SELECT advisory_lock.acquire_permit('single', 1, '200 ms')", '');
	returns($session, "SELECT advisory_lock.acquire_permit('pool', 2, '200 ms')", '');
	returns($session, "CALL advisory_lock.acquire('pool', '200 ms', permits => 2)", '|');
	if ($has_registry)
	{
		raises($session, "SELECT advisory_lock.lock('a')");
		raises($session, "SELECT advisory_lock.lock_shared('a')");
		raises($session, "SELECT advisory_lock.lock_many(ARRAY['a', 'b'])");
		raises($session, "SELECT advisory_lock.xact_lock('a')");
		raises($session, "CALL advisory_lock.acquire('a')");
		returns($session, "SELECT advisory_lock.try_lock('a', '200 ms')", 'f');
		returns($session, "SELECT advisory_lock.try_lock_many(ARRAY['a', 'b'], '200 ms')", 'f');
		returns($session, "SELECT advisory_lock.acquire_permit('late', 2, '200 ms')", '');
	}

	# A limit that is none.
	foreach my $call (
		"SELECT advisory_lock.try_lock('x', $FOR_EVER)",
		"SELECT advisory_lock.acquire_permit('single', 1, $FOR_EVER)",
		"SELECT advisory_lock.acquire_permit('pool', 2, $FOR_EVER)")
	{
		$session->start("SET lock_timeout = '1 ms'; $call");
		$node->poll_query_until('postgres',
			q{SELECT clock_timestamp() - state_change > '100 ms' AND wait_event IS NOT NULL}
			  . q{ AND state = 'active' FROM pg_stat_activity WHERE pid = } . $session->pid)
		  or die 'the session does not wait';
		$holder->query("SELECT advisory_lock.unlock_all()");
		like($session->finish, qr/^[t12]$/, "$call waits as long as it takes");
		$session->query("SELECT advisory_lock.unlock_all()");
		$holder->query("SELECT advisory_lock.acquire_permit('pool', 2)") foreach 1 .. 2;
		$holder->query("SELECT advisory_lock.acquire_permit('single', 1), advisory_lock.lock('x')");
	}
	$_->quit foreach $holder, $session;
}

done_testing();
