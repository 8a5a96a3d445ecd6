# Copyright (c) 2026 the advisory_lock authors
#
# withlock --keep and two servers under Patroni: after whatever happens to the
# primary the command runs again, never twice at once, with a higher token, and
# the old token is refused.  A switchover is always tried;
# PG_TEST_EXTRA=failover kills and freezes, too, which takes minutes.  The
# times are printed.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Patroni;
use Withlock;

my $missing = missing_program('patroni', 'etcd', 'haproxy');
plan skip_all => "$missing is not installed" if $missing;
$ENV{PATH} .= ':/usr/sbin:/sbin';

my $all = ($ENV{PG_TEST_EXTRA} // '') =~ /\bfailover\b/;
my %settings = (
	default => { ttl => 30, loop_wait => 10, retry_timeout => 10 },
	fast => { ttl => 20, loop_wait => 1, retry_timeout => 3, primary_start_timeout => 0 });
# What Patroni takes for it comes on top of what we take.
$PostgreSQL::Test::Utils::timeout_default += 60;

my $directory = PostgreSQL::Test::Utils::tempdir();
my ($cluster, $log, @table);
my $pairs = 0;

# Says when it begins and ends, and with which token.
my @command = ($^X, '-MTime::HiRes=time', '-e', <<'EOT');
open my $log, '>>', shift or die; select $log; $| = 1;
my $say = sub { syswrite $log, sprintf "%.3f %s %s %d\n", time, $_[0], $ENV{WITHLOCK_TOKEN}, $$ };
$SIG{TERM} = sub { $say->('end'); exit };
$say->('begin'); sleep 1 while 1;
EOT

# [time, begin|end, token, pid], in the order of time
sub events
{
	return sort { $a->[0] <=> $b->[0] } map { [ split ' ' ] } split /\n/, slurp_file($log);
}

sub begins { return grep { $_->[1] eq 'begin' } events(); }

# For how long, in all, two commands ran at once.
sub overlap
{
	my ($running, $since, $sum) = (0, undef, 0);

	foreach my $event (events())
	{
		$running += $event->[1] eq 'begin' ? 1 : -1;
		$sum += $event->[0] - $since if defined $since;
		$since = $running > 1 ? $event->[0] : undef;
	}
	return $sum;
}

sub wait_begin
{
	my ($count) = @_;

	wait_until { begins() >= $count } "command $count begins";
	return (begins())[ $count - 1 ];
}

# A primary that was none before, or was another process, takes writes.
sub incarnation
{
	my ($i) = @_;

	return $cluster->query($i, q{SELECT pg_postmaster_start_time() || '/' || system_identifier FROM pg_control_system()
		WHERE NOT pg_is_in_recovery()}) || undef;
}

# Does something to the primary, and waits for the next command.
sub happen
{
	my ($name, $what, %options) = @_;
	my $primary = $cluster->primary;
	my $old = incarnation($primary);
	my $count = begins();
	my $token = (begins())[-1][2];
	my @askable = $options{silent} ? 1 - $primary : (0, 1);
	my $begin = time;

	$what->($primary);
	my $new = wait_until
	{
		my ($i) = grep { my $is = incarnation($_); defined $is && ($_ != $primary || $is ne $old) } @askable;
		defined $i ? { node => $i } : 0;
	}
	"there is a new primary after: $name";
	$new->{at} = time;
	my $next = wait_begin($count + 1);
	push @table, [ $name, $new->{at} - $begin, $next->[0] - $begin ];
	cmp_ok($next->[2], '>', $token, "$name: the next command has a higher token");
	is($cluster->query($new->{node}, "SELECT advisory_lock.fence('leader', $next->[2])") // 'refused', '', '... which the fence accepts');
	is($cluster->query($new->{node}, "SELECT advisory_lock.fence('leader', $token)") // 'refused', 'refused',
		'... and refuses the old one');
	$options{then}->($primary) if $options{then};
	$cluster->wait_complete;
	return;
}

# Two that want to be the leader
sub start_pair
{
	my ($conninfo, @options) = @_;

	$log = "$directory/" . ++$pairs . '.log';
	append_to_file($log, '');
	my @pair = map { start_withlock('leader', '--keep', '-v', '-d', $conninfo, @options, '--', @command, $log) } 1 .. 2;
	wait_begin(1);
	return @pair;
}

sub end_pair
{
	my (@pair) = @_;

	kill 'TERM', $_->pid foreach @pair;
	$_->wait foreach @pair;
	is(sprintf('%.1f', overlap()), '0.0', 'never two commands at once');
	return;
}

sub print_table
{
	note '| event | a new primary | the next command |';
	note sprintf '| %s | %.1f s | %.1f s |', @$_ foreach @table;
	return;
}

sub start_cluster
{
	my ($name) = @_;

	$cluster = Patroni->new(settings => $settings{$name}, parameters => { shared_preload_libraries => 'advisory_lock' });
	defined $cluster->query($cluster->primary, 'CREATE EXTENSION advisory_lock') or die 'no extension';
	return;
}

# Patroni ends and is started again, as systemd does: the server goes on.
sub restart_patroni
{
	my $primary = $cluster->primary;
	my $count = begins();

	$cluster->kill_patroni($primary);
	$cluster->start_patroni($primary);
	wait_until { $cluster->api_status($primary, 'primary') } 'Patroni is back';
	is(scalar(begins()), $count, 'a Patroni that is started again costs nobody the lock');
	return;
}

# Everything that belongs to a node, stopped: the second time those that the
# first time came too late for.
sub freeze { kill 'STOP', $cluster->processes($_[0]) foreach 1 .. 2; return }
sub thaw { kill 'CONT', $cluster->processes($_[0]); return }

sub all_events
{
	my ($settings, @options) = @_;
	my @pair = start_pair($cluster->conninfo, @options);

	happen("$settings: switchover", sub { $cluster->switchover });
	restart_patroni();
	happen("$settings: kill -9 of the postmaster", sub { $cluster->kill_postmaster($_[0]) });
	happen("$settings: the host gone", sub { $cluster->kill_node($_[0]) }, then => sub { $cluster->start_patroni($_[0]) });
	happen("$settings: the host frozen", \&freeze, silent => 1, then => \&thaw);
	end_pair(@pair);
	return;
}

# Patroni killed for good: its server stays what it was when another is
# promoted, and nobody tells those who are connected.
sub split_brain
{
	my @pair = start_pair($cluster->conninfo);
	my $primary = $cluster->primary;
	my $token = (begins())[0][2];

	$cluster->kill_patroni($primary);
	wait_until { $cluster->is_primary(1 - $primary) } 'another one is promoted';
	my $other = start_withlock('leader', '-d', $cluster->conninfo(1 - $primary), '--', @command, $log);
	my $next = wait_begin(2);
	cmp_ok($next->[2], '>', $token, 'split brain: the new primary gives a higher token');
	is($cluster->query(1 - $primary, "SELECT advisory_lock.fence('leader', $next->[2])"), '', '... which the fence accepts');
	is($cluster->query(1 - $primary, "SELECT advisory_lock.fence('leader', $token)"), undef, '... and refuses the old one there');
	is($cluster->query($primary, "SELECT advisory_lock.fence('leader', $token)"), '', '... but the old primary does not');
	$cluster->start_patroni($primary);
	wait_until { (events())[-1][1] eq 'end' } 'the old command ends once its server is demoted';
	note sprintf '| split brain, until Patroni is started again: two commands at once for | | %.1f s |', overlap();
	cmp_ok(overlap(), '>', 0, '... and until then two commands run');
	kill 'TERM', $_->pid foreach @pair, $other;
	$_->wait foreach @pair, $other;
	$cluster->wait_complete;
	return;
}

# HAProxy closes the connections to a node whose Patroni does not answer.
sub start_haproxy
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $file = "$directory/haproxy.cfg";

	append_to_file($file, <<"EOT" . join '', map { "\tserver node$_->{port} 127.0.0.1:$_->{port} check port $_->{api}\n" } @{ $cluster->{nodes} });
defaults
	mode tcp
	timeout connect 5s
	timeout client 24h
	timeout server 24h
listen primary
	bind 127.0.0.1:$port
	option httpchk OPTIONS /primary
	http-check expect status 200
	default-server inter 1s fall 3 rise 2 on-marked-down shutdown-sessions
EOT
	start_program({}, 'haproxy', '-db', '-f', $file);
	wait_until { run_log([ 'psql', '-qXc', '', "host=127.0.0.1 port=$port user=postgres dbname=postgres" ]) } 'HAProxy has a primary';
	return "host=127.0.0.1 port=$port user=postgres dbname=postgres";
}

if (!$all)
{
	start_cluster('fast');
	my @pair = start_pair($cluster->conninfo, '--grace', '1s');
	happen('fast: switchover', sub { $cluster->switchover });
	end_pair(@pair);
}
else
{
	start_cluster('default');
	all_events('default');
	start_cluster('fast');
	all_events('fast', '--grace', '1s');
	split_brain();
	my @pair = start_pair(start_haproxy());
	happen('fast, HAProxy: Patroni killed for good', sub { $cluster->kill_patroni($_[0]) }, silent => 1,
		then => sub { $cluster->start_patroni($_[0]) });
	end_pair(@pair);
}
print_table();
done_testing();
