# Copyright (c) 2026 the advisory_lock authors
#
# Trouble that passes before the command has started: withlock tries again.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $node = start_node('main', conf => "max_connections = 6\nsuperuser_reserved_connections = 1");
$ENV{WITHLOCK_DB} = conninfo($node);
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE worker LOGIN;
CREATE ROLE limited LOGIN CONNECTION LIMIT 0;
EOT

# Takes every connection that an ordinary role can have.
sub crowd
{
	my @sessions;

	push @sessions, session($node) while @sessions < 5;
	return @sessions;
}

# A server that is full
my @crowd = crowd();
my $ended = withlock('x', '-U', 'worker', '-n', 'true');
is($ended->status, 69, 'a server that is full: 69 at once with -n');
like($ended->stderr, qr/hint: .*no connection left/, '... with a hint of its own');
unlike($ended->stderr, qr/trying again/, '... and without another attempt');
$ended = withlock('x', '-U', 'worker', '-t', '2', 'true');
is($ended->status, 69, '... after the timeout with -t');
cmp_ok($ended->seconds, '>', 1.9, '... not sooner');
is(() = $ended->stderr =~ /too many|reserved/g, 1, '... and the reason is said once');
my @patient = map { start_withlock('x', '-U', 'worker', @$_, '--', 'echo', 'run') } ['-t', '60'], [], ['--keep'];
$_->wait_errors(qr/trying again/) foreach @patient;
$_->quit foreach @crowd;
foreach my $running (@patient)
{
	is($running->wait, 0, 'it is tried until there is room');
	is($running->stdout, "run\n", '... and the command runs once');
}

# A limit of the role's
my $limited = start_withlock('x', '-U', 'limited', '-t', '60', '--', 'echo', 'run');
$limited->wait_errors(qr/too many connections for role.*trying again/s);
$node->safe_psql('postgres', 'ALTER ROLE limited CONNECTION LIMIT 1');
is($limited->wait, 0, 'a limit of the role passes, too');

# What does not pass is an answer
foreach my $wrong ([conninfo($node, 'nosuchdb')], [conninfo($node), '-U', 'nosuchrole'])
{
	my ($conninfo, @options) = @$wrong;
	foreach my $keep ([], ['--keep'])
	{
		$ended = withlock('x', '-t', '30', @$keep, '-d', $conninfo, @options, 'true');
		is($ended->status, 69, "no such database or role, @options @$keep: 69");
		cmp_ok($ended->seconds, '<', 20, '... at once');
	}
}

# A server that restarts under those who wait
my $holder = session($node);
$holder->query("SELECT advisory_lock.lock('busy')");
my @waiters = map { start_withlock('busy', '--lock-delay', '0', @$_, '--', 'echo', 'run') } ['-t', '100'], [];
$node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
  or die 'they do not wait';
$node->stop('fast');
$_->wait_errors(qr/trying again/) foreach @waiters;
$node->start;
foreach my $waiter (@waiters)
{
	is($waiter->wait, 0, 'a waiter survives a restart');
	is($waiter->stdout, "run\n", '... and runs its command once');
}

# A server that freezes under those who wait, as in a container that is paused
$holder = session($node);
$holder->query("SELECT advisory_lock.lock('busy')");
my $waiter = start_withlock('busy', '--lock-delay', '0', '-t', '150', '--', 'echo', 'run');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
  or die 'it does not wait';
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
my @frozen = ($postmaster, children_of($postmaster));
kill 'STOP', @frozen;
$waiter->wait_errors(qr/does not answer.*trying again/s);
kill 'CONT', @frozen;
$holder->query("SELECT advisory_lock.unlock('busy')");
is($waiter->wait, 0, 'who waits notices that the server is frozen, and tries again');
is($waiter->stdout, "run\n", '... and runs its command once');
$holder->quit;

# A server that is not there: with -t it may come, without it may be a wrong address
$node->stop('fast');
$ended = withlock('x', 'true');
is($ended->status, 69, 'no server, without -t: 69');
unlike($ended->stderr, qr/trying again/, '... at once, as psql');
my $early = start_withlock('x', '--lock-delay', '0', '-t', '100', '--', 'echo', 'run');
$early->wait_errors(qr/trying again/);
my $stopped = start_withlock('x', '-t', '100', '--', 'echo', 'run');
$stopped->wait_errors(qr/trying again/);
kill 'TERM', $stopped->pid;
is($stopped->wait, 128 + 15, 'TERM between two attempts');
$node->start;
is($early->wait, 0, 'with -t it is waited for');
my %count;
$count{$_}++ foreach split /\n/, $early->stderr =~ s/in [\d.]+ s//gr;
is_deeply([ grep { $count{$_} > 1 && !/trying again|hint/ } keys %count ], [], '... and nothing is said twice');

done_testing();
