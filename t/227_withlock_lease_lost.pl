# Copyright (c) 2026 the advisory_lock authors
#
# withlock --lease and what a session does not survive: the command goes on
# while the server is away for a moment, and is dead before the lease is over
# otherwise.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Proxy;
use Withlock;

my $node = start_node('main', init => [ allows_streaming => 1 ]);
my $directory = PostgreSQL::Test::Utils::tempdir();
$ENV{WITHLOCK_DB} = conninfo($node);

# A command that writes down until when it runs, and does not care for signals.
sub stubborn
{
	my ($log) = @_;

	return ('sh', '-c', "trap 'echo term >> $log.term' TERM; while :; do date +%s.%N >> $log; sleep 0.05; done");
}

sub last_beat
{
	my ($log) = @_;

	return (grep { /^\d+\.\d{9}$/ } split /\n/, slurp_file($log))[-1];
}

# Of a lease by name, or of the one with this key.
sub expiry
{
	my ($lock) = @_;

	return $node->safe_psql('postgres', 'SELECT extract(epoch FROM expires_at) FROM advisory_lock.leases WHERE '
		. ($lock =~ /^\d+$/ ? "key1 = 0 AND key2 = $lock AND kind = 1" : "name = '$lock'"));
}

# --- The server is back within the lease

foreach my $way ('fast', 'immediate')
{
	my $job = start_withlock($way, '--lease', '12s', '--grace', '1s', '--', 'sh', '-c',
		"until [ -e $directory/$way ]; do sleep 0.05; done; echo ended");
	$job->wait_command;
	my $before = expiry($way);
	$node->stop($way);
	$node->start;
	wait_until { expiry($way) > $before } "it is renewed after a restart ($way)";
	append_to_file("$directory/$way", '');
	is($job->wait, 0, 'the command has not noticed');
	is($job->stdout, "ended\n", '... and came to its end');
	is($job->stderr, '', '... without a word');
}

# --- A renewal is committed, but its answer never arrives

my $proxy = Proxy->new($node);
my $repeated = start_withlock('repeated', '-d', $proxy->conninfo, '--lease', '9s', '--grace', '1s', '--', 'sh', '-c',
	"echo \$WITHLOCK_TOKEN; until [ -e $directory/repeated ]; do sleep 0.05; done");
$repeated->wait_command;
my $first = expiry('repeated');
$proxy->hold('renew_lease');
wait_until { $proxy->held } 'it is to be renewed';
$proxy->go_unanswered('renew_lease');
wait_until { $proxy->held } 'it is asked for once more';
my $second = expiry('repeated');
cmp_ok($second, '>', $first, 'the renewal without an answer was one');
$proxy->go;
wait_until { expiry('repeated') > $second } 'the second one moves the end, too';
my $token = $node->safe_psql('postgres', 'SELECT token FROM advisory_lock.leases WHERE name = $$repeated$$');
append_to_file("$directory/repeated", '');
is($repeated->wait, 0, 'and the command has not noticed');
is($repeated->stdout, "$token\n", '... with the token that it began with');
$proxy->close;

# --- withlock is killed, or stopped beyond the lease

my $killed = start_withlock('killed', '--lease', '12s', '--', stubborn("$directory/killed"));
my $stopped = start_withlock('--key', '5', '--lease', '3s', '--grace', '0.5s', '--', stubborn("$directory/stopped"));
$_->wait_command foreach $killed, $stopped;
wait_until { -e "$directory/killed" && -e "$directory/stopped" } 'both are at work';

my $command = command_under($killed->pid);
kill 'KILL', $killed->pid;
wait_until { !kill 0, -$command } 'a command does not outlive a withlock that is killed';
$killed->wait;

$command = command_under($stopped->pid);
kill 'STOP', $stopped->pid;
my $until = expiry('5');
wait_until { process_state($command) =~ /^[ZX]?$/ } 'nor the lease of one that is stopped';
cmp_ok(last_beat("$directory/stopped"), '<', $until, 'it is dead before the lease is over');
kill 'CONT', $stopped->pid;
is($stopped->wait, 74, 'and withlock says that it was lost');
like($stopped->stderr, qr/lock 5 is lost/, '... and why');

# --- The server is frozen: the first renewal is still under way at the end

my $frozen = start_withlock('frozen', '--lease', '3s', '--on-lost', 'kill', '--', 'sleep', '60');
$frozen->wait_command;
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
kill 'STOP', $postmaster;
is($frozen->wait, 74, 'a server that is frozen: lost');
kill 'CONT', $postmaster;
like($frozen->stderr, qr/is lost: the lease is over, it could not be renewed: no answer in time; killing the command$/m, '... and it says why');

# --- The server stays away: signals in time

my %lost = (
	term => start_withlock('term', '--lease', '4s', '--grace', '1s', '--', stubborn("$directory/term")),
	kill => start_withlock('kill', '--lease', '4s', '--on-lost', 'kill', '--', stubborn("$directory/kill")),
	ignore => start_withlock('ignore', '--lease', '2s', '--on-lost', 'ignore', '--', 'sh', '-c',
		"until [ -e $directory/enough ]; do sleep 0.05; done"));
$_->wait_command foreach values %lost;
wait_until { -e "$directory/term" && -e "$directory/kill" } 'the commands are at work';
$node->stop('immediate');
is($lost{$_}->wait, 74, "--on-lost $_: lost") foreach 'term', 'kill';
append_to_file("$directory/enough", '');
is($lost{ignore}->wait, 74, '--on-lost ignore: lost, too');
like($lost{term}->stderr, qr/is lost: the lease is over, it could not be renewed: .*; sending SIGTERM to the command$/m,
	'it says what was tried');
ok(-e "$directory/term.term", 'SIGTERM comes first');
ok(!-e "$directory/kill.term", '... but not where it shall not');
$node->start;
cmp_ok(last_beat("$directory/$_"), '<', expiry($_), "--on-lost $_: the command was dead before the lease was over")
  foreach 'term', 'kill';

# --- With --keep the next one starts when it is back

my $kept = start_withlock('--key', 'prisma', '--keep', '--lease', '3s', '--grace', '0.5s', '--', 'sh', '-c',
	"echo \$WITHLOCK_TOKEN >> $directory/kept; sleep 60");
wait_until { -e "$directory/kept" && slurp_file("$directory/kept") =~ /\n/ } 'a command runs';
$node->stop('immediate');
wait_until { $kept->stderr =~ /is lost/ } 'its lease is lost';
$node->start;
wait_until { slurp_file("$directory/kept") =~ /\n.*\n/ } '--keep: it starts again';
my @tokens = split /\n/, slurp_file("$directory/kept");
cmp_ok($tokens[1], '>', $tokens[0], '... with a higher token');
kill 'TERM', $kept->pid;
is($kept->wait, 128 + 15, '... until it is told to end');
is($node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.leases WHERE key2 = 72707369 AND NOT released'), 0,
	'... and gives the lease back');

# --- The primary is killed, and a standby takes its place

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
my $both = sprintf 'host=%s,%s port=%d,%d dbname=postgres', $node->host, $standby->host, $node->port, $standby->port;
my $moved = start_withlock('--key', '-1,6', '-d', $both, '--lease', '20s', '--grace', '1s', '--', 'sh', '-c',
	"echo \$WITHLOCK_TOKEN; until [ -e $directory/moved ]; do sleep 0.05; done");
$moved->wait_command;
$node->wait_for_catchup($standby);
my $of_pair = 'FROM advisory_lock.leases WHERE key1 = -1 AND key2 = 6';
my $before = $node->safe_psql('postgres', "SELECT extract(epoch FROM expires_at) $of_pair");
$postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
kill 'KILL', $postmaster;
wait_until { !kill 0, $postmaster } 'the primary is gone';
$node->{_pid} = undef;
$standby->promote;
my $renewed = "SELECT extract(epoch FROM expires_at) > $before $of_pair";
wait_until { $standby->safe_psql('postgres', $renewed) eq 't' } 'it is renewed by the new primary';
my $refused = withlock('--key', '-1,6', '-d', conninfo($standby), '-n', 'true');
is($refused->status, 75, '... which keeps others off');
append_to_file("$directory/moved", '');
is($moved->wait, 0, 'the command has not noticed');
is($standby->safe_psql('postgres', "SELECT count(*) $of_pair AND NOT released"), 0,
	'and the lease is given back');

done_testing();
