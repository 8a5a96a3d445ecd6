# Copyright (c) 2026 the advisory_lock authors

# Whichever allocation of a call fails, there is an error and nothing is held
# that was not before; nor does anything stay behind in the registry.  Needs a
# server whose allocations fail when they are told to.

use strict;
use warnings FATAL => 'all';

use File::Temp;
use FindBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $missing = missing_program($ENV{CC} // 'cc');
plan skip_all => "$missing is not installed" if $missing;

my $library = File::Temp->new(SUFFIX => '.so');
my $control = File::Temp->new;
chmod 0755, "$library";
arm(0, 0);
system_or_bail($ENV{CC} // 'cc', '-O', '-shared', '-fPIC', '-o', "$library", "$FindBin::RealBin/lib/failing_malloc.c");

my $NAMES = 64;
my $node;
{
	local $ENV{FAILING_MALLOC} = "$control";
	local $ENV{LD_PRELOAD} = "$library";
	$node = start_node('main', preload => 1,
		conf => "max_locks_per_transaction = 100\nadvisory_lock.max_names = $NAMES");
}

# The file is mapped, so it is written in place.
sub arm
{
	my ($pid, $left) = @_;

	seek $control, 0, 0;
	syswrite $control, pack('ii', $pid, $left);
	return;
}

sub went_off
{
	seek $control, 0, 0;
	sysread $control, my $bytes, 8;
	return (unpack 'ii', $bytes)[1] <= 0;
}

my $observer = session($node);
$observer->query("SELECT advisory_lock.lock('old ' || i), advisory_lock.unlock('old ' || i) FROM generate_series(1, $NAMES) i");

# Has one allocation after the other of a call fail until there are no more, in
# a session that is new and then once more in the same: then each call needs the
# same allocations.  Each uses names that nobody has used.  What comes after the
# function, in which a result is sent say, can fail as well, so results are to
# be small.
sub sweep
{
	my ($what, $call) = @_;
	my $session = session($node);
	my @wrong;

	# PL/pgSQL cannot be loaded again in a session where that has failed.
	$session->query(q{DO 'BEGIN END'});
	my $failed = fail_each($session, $call, 'new', \@wrong) + fail_each($session, $call, 'warm', \@wrong);
	$session->quit;
	cmp_ok($failed, '>', 0, "$what fails by $failed of its allocations");
	is_deeply(\@wrong, [], 'and holds all or nothing');
	return;
}

sub fail_each
{
	my ($session, $call, $round, $wrong) = @_;
	my $held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = " . $session->pid;

	for (my $n = 1;; $n++)
	{
		arm($session->pid, $n);
		my $state = $session->sqlstate_of($call =~ s/NUMBER/$round $n/gr);
		my $messages = $session->messages;
		my $went_off = went_off();
		arm(0, 0);
		my $left = $observer->query($held);
		push @$wrong, "$n: $state, $left held: $messages"
		  if $state eq '00000' ? !$left : $left || $state ne '53200';
		$session->query('ROLLBACK; SELECT pg_advisory_unlock_all()');
		return $n - 1 unless $went_off;
	}
	return;
}

my $MANY = join ', ', map { "'many NUMBER $_'" } 1 .. 2000;

sweep('lock()', "SELECT advisory_lock.lock('lock NUMBER')");
sweep('lock_many()', "SELECT array_length(advisory_lock.lock_many(ARRAY[$MANY]), 1)");
sweep('acquire()', "DO 'DECLARE token bigint; permit integer; BEGIN CALL advisory_lock.acquire(''acquire NUMBER'', NULL, false, NULL, token, permit); END'");
sweep('acquire_permit()', "SELECT advisory_lock.acquire_permit('pool NUMBER', 100)");
sweep('acquire_lease()', "BEGIN; SELECT advisory_lock.acquire_lease('lease NUMBER', '1 s')");

# Nothing of it is in use any more, so all makes way for these.
$observer->query("SELECT advisory_lock.lock('new ' || i), advisory_lock.unlock('new ' || i) FROM generate_series(1, 2 * $NAMES) i");
is($observer->query("SELECT count(*) FROM advisory_lock.stats WHERE name LIKE 'new %'"), $NAMES,
	'all places of the registry can be used');

done_testing();
