# Copyright (c) 2026 the advisory_lock authors

# There is room for so many delays of lost sessions: nobody can use it up so that
# there is none for others.  Needs sessions that end, and a process of the server
# that is of no role.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $ROOM = 8;
my $node = start_node('main', preload => 1,
	conf => "advisory_lock.max_names = $ROOM\nautovacuum_naptime = 1\nautovacuum_analyze_threshold = 0");
my $observer = session($node);
$observer->query("CREATE ROLE $_ LOGIN") foreach qw(greedy modest other);
$observer->query('CREATE SCHEMA greedy AUTHORIZATION greedy');

# A session of a role ends while it holds these names.
sub leave_delays
{
	my ($role, @names) = @_;

	local $ENV{PGUSER} = $role;
	my $session = session($node);
	$session->query("SELECT advisory_lock.lock('$_')") foreach @names;
	$session->query("SET advisory_lock.lock_delay = '1h'");
	$session->quit;
	wait_until
	{
		$observer->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $session->pid) eq '0'
	}
	'the session is gone';
	return;
}

# How many of the names others are kept off.
sub kept_off
{
	return $observer->query('SELECT ' . join ' + ', map { "(NOT advisory_lock.try_xact_lock('$_'))::int" } @_);
}

my @greedy = map { "greedy $_" } 1 .. 2 * $ROOM;
leave_delays('greedy', @greedy);
is(kept_off(@greedy), $ROOM, 'one role uses up all of the room');
leave_delays('modest', 'one', 'two');
is(kept_off('one', 'two'), '2', 'another role gets what it needs');
is(kept_off(@greedy), $ROOM - 2, 'in place of the first');
leave_delays('greedy', 'more', 'and more');
is(kept_off('one', 'two'), '2', 'which cannot take it back');
leave_delays('other', map { "other $_" } 1 .. $ROOM);
is(kept_off('one', 'two'), '2', 'nor can one that wants all take it from who has little');
is(kept_off(map { "other $_" } 1 .. $ROOM), '3', 'but only until it has as many as who has most');
is(kept_off(@greedy), '3', 'who has as many then');

# Both hold a shared lock, and are lost, the one who would lift it last or first.
sub lose_shared
{
	my ($name, %delays) = @_;
	my %sessions;

	foreach my $role (sort keys %delays)
	{
		local $ENV{PGUSER} = $role;
		$sessions{$role} = session($node);
		$sessions{$role}->query("SELECT advisory_lock.lock_shared('$name')");
		$sessions{$role}->query("SET advisory_lock.lock_delay = '$delays{$role}'");
	}
	foreach my $role (sort keys %delays)
	{
		my $pid = $sessions{$role}->pid;

		$sessions{$role}->quit;
		wait_until { $observer->query("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }
		'the session is gone';
	}
	return;
}

$observer->query('SELECT advisory_lock.terminate_holders(key1, key2) FROM advisory_lock.locks WHERE pid IS NULL');
lose_shared('shared 1', modest => '30min', other => '1h');
lose_shared('shared 2', modest => '1h', other => '30min');
foreach my $name ('shared 1', 'shared 2')
{
	foreach my $role (qw(modest other))
	{
		$observer->query("SET ROLE $role");
		is($observer->sqlstate_of("SELECT advisory_lock.terminate_holders('$name')"), '42501',
			"$role may not lift from $name what the other has left");
		$observer->query('RESET ROLE');
	}
	$observer->query("SELECT advisory_lock.terminate_holders('$name')");
	is(kept_off($name), '0', "but a superuser may lift it from $name");
}

# A name in the index of a table is locked by the process that analyzes it.
$observer->query("ALTER DATABASE postgres SET advisory_lock.lock_delay = '1h'");
$observer->query('SET ROLE greedy');
$observer->query(<<'EOT');
CREATE FUNCTION greedy.lock(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM advisory_lock.try_lock('by autovacuum')
	  WHERE pg_catalog.current_setting('application_name') = '';
	RETURN i;
END
$$;
CREATE TABLE greedy.t AS SELECT 1 AS i;
CREATE INDEX ON greedy.t (greedy.lock(i));
INSERT INTO greedy.t SELECT generate_series(1, 100);
RESET ROLE;
EOT
my $left = "FROM advisory_lock.locks JOIN advisory_lock.key('by autovacuum') USING (key1, key2) WHERE pid IS NULL";
wait_until { $observer->query("SELECT count(*) $left") ne '0' } 'a process of no role has left a delay';
$observer->query('SET ROLE modest');
is($observer->sqlstate_of("SELECT advisory_lock.terminate_holders('by autovacuum')"), '42501',
	'an ordinary role may not lift it');
$observer->query('RESET ROLE; DROP TABLE greedy.t');
$observer->query("SELECT advisory_lock.terminate_holders('by autovacuum')");
is(kept_off('by autovacuum'), '0', 'but a superuser may');

done_testing();
