# Copyright (c) 2026 the advisory_lock authors
#
# terminate_holders() ends the sessions that hold a name, by the rules of
# pg_terminate_backend().

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $node = start_node('main');
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE operator LOGIN IN ROLE pg_signal_backend;
EOT

my $TERMINATE = "SELECT advisory_lock.terminate_holders('job')";

# A session of a role, else of the superuser.
sub session_of
{
	my ($role) = @_;

	local %ENV = (%ENV, defined $role ? (PGUSER => $role) : ());
	return session($node);
}

# One that holds the lock, in shared mode.
sub holder
{
	my $session = session_of(@_);

	$session->query("SELECT advisory_lock.lock_shared('job')");
	return $session;
}

sub is_gone
{
	my ($session, $what) = @_;

	wait_until { !kill 0, $session->pid } $what;
	is($session->sqlstate_of('SELECT 1'), '08006', $what);
	return;
}

my %as = map { $_ => session_of($_) } ('alice', 'bob', 'operator');
my $superuser = session_of();

is($superuser->query($TERMINATE), 0, 'nobody holds it');

my $holder = holder('alice');
is($as{bob}->sqlstate_of($TERMINATE), '42501', 'another ordinary role may not');
is($holder->query('SELECT 1'), 1, 'and has not');
is($as{alice}->query($TERMINATE), 1, 'the same role may');
is_gone($holder, 'and has');

$holder = holder('alice');
is($as{operator}->query($TERMINATE), 1, 'a member of pg_signal_backend may');
is_gone($holder, 'and has');

$holder = holder();
is($as{operator}->sqlstate_of($TERMINATE), '42501', 'but not with a superuser');
is($superuser->query($TERMINATE), 1, 'a superuser may');
is_gone($holder, 'and has');

# All holders; not who waits, nor the one who asks.
my @holders = map { holder('alice') } 1 .. 3;
$superuser->query("SELECT advisory_lock.lock_shared('job')");
my $waiter = session($node);
$waiter->start("SELECT advisory_lock.lock('job')");
$waiter->wait_blocked;
is($superuser->query($TERMINATE), 3, 'all others that hold it');
is_gone($_, 'each') foreach @holders;
ok(!$waiter->is_finished, 'who waits goes on waiting');
is($superuser->query("SELECT advisory_lock.unlock_shared('job')"), 't', 'who asks still holds it');
cmp_ok($waiter->finish, '>', 0, 'and then the waiter gets it');

# What a lost holder has left behind: who may terminate it, may lift its delay.
SKIP:
{
	skip 'no registry', 1 if $node->psql('postgres', 'SELECT FROM advisory_lock.stats') != 0;

	$waiter->query('SELECT advisory_lock.unlock_all()');
	$holder = holder('alice');
	$holder->query("SET advisory_lock.lock_delay = '1 h'");
	is($superuser->query($TERMINATE), 1, 'a holder with a delay is terminated');
	is_gone($holder, 'and is gone');
	is($as{alice}->query("SELECT advisory_lock.try_lock('job')"), 'f', 'but the name is kept off');
	is($as{bob}->sqlstate_of($TERMINATE), '42501', 'which another ordinary role may not change');
	$waiter->start("SELECT advisory_lock.lock('job')");
	wait_until
	{
		$node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.locks'
			  . ' WHERE delayed_until IS NOT NULL AND pid = ' . $waiter->pid)
	}
	'the delay is waited for';
	is($as{bob}->sqlstate_of($TERMINATE), '42501', 'nor then');
	is($as{operator}->query($TERMINATE), 0, 'a member of pg_signal_backend may, and who waits stays');
	cmp_ok($waiter->finish, '>', 0, 'and gets the lock at once');
	$waiter->query('SELECT advisory_lock.unlock_all()');

	# Who leaves a shorter delay later does not come by the longer one.
	my ($long, $short) = (holder('alice'), holder('bob'));
	$long->query("SET advisory_lock.lock_delay = '1 h'");
	$short->query("SET advisory_lock.lock_delay = '1 s'");
	foreach my $session ($long, $short)
	{
		is($superuser->query('SELECT pg_terminate_backend(' . $session->pid . ')'), 't', 'a holder is lost');
		is_gone($session, 'and is gone');
	}
	is($as{bob}->sqlstate_of($TERMINATE), '42501', 'the longer delay stays with the one who left it');
	is($as{alice}->query("SELECT advisory_lock.try_lock('job')"), 'f', 'and goes on');
}

done_testing();
