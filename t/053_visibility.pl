# Copyright (c) 2026 the advisory_lock authors

# Whose names a role may see: its own, or all with pg_read_all_stats.  Needs
# sessions of several roles at once.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', "CREATE ROLE $_") foreach qw(alice bob watcher);
$node->safe_psql('postgres', 'GRANT pg_monitor TO watcher');

my %session;
foreach my $role (qw(alice bob))
{
	$session{$role} = session($node);
	$session{$role}->query("SET SESSION AUTHORIZATION $role; SELECT advisory_lock.lock('name of $role')");
}

# What a role sees in a column "name", sorted.
sub names
{
	my ($role, $view) = @_;
	return $node->safe_psql('postgres',
		"SET SESSION AUTHORIZATION $role; SELECT string_agg(name, ', ' ORDER BY name COLLATE \"C\") FROM advisory_lock.$view");
}

# A name is shown to the role that used it, whoever logged in.
my $hidden = '<insufficient privilege>';
is(names('alice', 'locks'), "$hidden, name of alice", 'a role sees the names it used, not those of others');
is(names('watcher', 'locks'), 'name of alice, name of bob', 'pg_monitor sees all names');
is(names('alice', 'stats'), "$hidden, name of alice", 'statistics go by the user of the lock');
is(names('watcher', 'stats'), 'name of alice, name of bob', 'pg_monitor sees all of them');

# With a login of its own a role sees its own names.
$node->safe_psql('postgres', 'ALTER ROLE alice LOGIN; ALTER ROLE bob LOGIN');
$_->quit foreach values %session;
wait_until { $node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.locks') eq '0' }
'the sessions are gone';
foreach my $role (qw(alice bob))
{
	local $ENV{PGUSER} = $role;
	$session{$role} = session($node);
	$session{$role}->query("SELECT advisory_lock.lock('name of $role')");
}
is(names('alice', 'locks'), "$hidden, name of alice", 'its own name is plain');
is( $session{bob}->query("SELECT pid = pg_backend_pid() FROM advisory_lock.locks WHERE name = 'name of bob'"),
	't', 'in its own session too');

# The keys of a lock are everybody's to see and to take; its name is not, be it
# that one holds it, waits for it, or asks for it as somebody else.
my $of_alice = "key1 = (advisory_lock.key('name of alice')).key1";
my $shown = "SELECT string_agg(DISTINCT coalesce(name, 'none'), ', ') FROM advisory_lock.locks WHERE $of_alice";
my ($key1, $key2) = split /\|/, $session{bob}->query("SELECT key1, key2 FROM advisory_lock.locks WHERE $of_alice");
my $raw = do { local $ENV{PGUSER} = 'bob'; session($node) };
$raw->start("SELECT pg_advisory_lock($key1, $key2)");
$raw->wait_blocked;
is($session{bob}->query($shown), $hidden, 'who waits for a raw key does not see its name');
$session{alice}->query("SELECT advisory_lock.unlock('name of alice')");
$raw->finish;
is($session{bob}->query($shown), $hidden, 'nor who holds it');
is($raw->query($shown), $hidden, 'nor in that session');
is($session{alice}->query($shown), 'name of alice', 'she who used the name sees it');
is( $session{bob}->query("SELECT string_agg(DISTINCT name, ', ') FROM advisory_lock.lock_rows() WHERE $of_alice"),
	$hidden, 'nor does it help to ask what is behind the view');

# Nor does a delay show it that is left under the key.
SKIP:
{
	skip 'no registry', 1 if $node->psql('postgres', 'SELECT FROM advisory_lock.stats') != 0;

	$raw->query("SELECT pg_advisory_unlock_all(), set_config('advisory_lock.lock_delay', '1h', false)");
	$raw->query("SELECT advisory_lock.lock($key1, $key2)");
	$raw->quit;
	wait_until { $session{bob}->query("SELECT count(*) FROM advisory_lock.locks WHERE $of_alice AND pid IS NULL") eq '1' }
	'a delay is left';
	is($session{bob}->query($shown), $hidden, 'who leaves a delay under a key does not see its name');
}

# A place among the server's processes that somebody else had before.
# Which one a session gets, and how soon again, differs from major to major.
my (%place, @seen, @right);
my $shared = 0;
for (my $i = 0; $i < 200 && $shared < 3; $i++)
{
	my ($role, $other) = int($i / 3) % 2 ? ('bob', 'alice') : ('alice', 'bob');
	local $ENV{PGUSER} = $role;
	my $next = session($node);
	$next->query("SELECT advisory_lock.lock('place of $role')");
	my $number = $next->query("SELECT split_part(virtualtransaction, '/', 1) FROM pg_locks WHERE pid = pg_backend_pid() LIMIT 1");
	$shared++ if ($place{$number} // $role) ne $role;
	$place{$number} = $role;
	my $name = 'SELECT name FROM advisory_lock.locks WHERE pid = ' . $next->pid;
	push @seen, $next->query($name), $session{$other}->query($name);
	push @right, "place of $role", $hidden;
	$next->quit;
	wait_until { $session{bob}->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $next->pid) eq '0' }
	'the session is gone';
}
is($shared, 3, 'places are used by one role after the other');
is(join(', ', @seen), join(', ', @right), '... and who has one now is told from who had it');

# Statistics are reset by those who may.
is($session{bob}->sqlstate_of('SELECT advisory_lock.reset_stats()'),
	'42501', 'an ordinary role may not reset statistics');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION advisory_lock.reset_stats(text) TO bob');
is($session{bob}->sqlstate_of('SELECT advisory_lock.reset_stats()'),
	'00000', 'unless it was granted that');

done_testing();
