# Copyright (c) 2026 the advisory_lock authors
#
# Some that want a lease of the same name, while their server is ended at
# random instants in every way: one command at a time all the same, by what
# the commands wrote and by the server's clock, and none is interrupted when
# there is a server again in time.
#
# PG_TEST_EXTRA=servers ends it 200 times, which takes 25 minutes on a busy machine.

use strict;
use warnings FATAL => 'all';

use File::Path ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use AdvisoryLock;
use Withlock;

my $ROUNDS = ($ENV{PG_TEST_EXTRA} // '') =~ /\bservers\b/ ? 200 : 4;
my $COMPETITORS = 3;

# Renewed every third of 8 s, so 5 s are left at least, less the grace.
my $LEASE = 8;
my $IN_TIME = 4;

my $primary = start_node('main', init => [ allows_streaming => 1 ]);
my $spare = PostgreSQL::Test::Cluster->new('spare');
my $directory = PostgreSQL::Test::Utils::tempdir();
my $log = "$directory/log";
my $both = sprintf 'host=%s,%s port=%d,%d dbname=postgres', $primary->host, $spare->host, $primary->port, $spare->port;

# What becomes of the leases is written down in the transactions that do it.
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE history (i bigserial, token bigint, what text, acquired_at timestamptz, expires_at timestamptz, at timestamptz);
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	lease advisory_lock.leases := coalesce(NEW, OLD);
BEGIN
	INSERT INTO public.history (token, what, acquired_at, expires_at, at)
	VALUES (lease.token, TG_OP, lease.acquired_at, lease.expires_at, pg_catalog.clock_timestamp());
	RETURN NULL;
END $$;
CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON advisory_lock.leases
FOR EACH ROW EXECUTE FUNCTION remember();
SQL

# Lines "TOKEN ROUND TIME".  A command ends soon after a round has ended.
append_to_file("$directory/command", <<'SH');
read -r begun <round
until read -r now <round && [ "$now" != "$begun" ] || [ -e stop ]; do
	echo "$WITHLOCK_TOKEN $begun $(date +%s.%N)" >>log
	sleep 0.05
done
echo "$WITHLOCK_TOKEN $begun $(date +%s.%N)" >>log
SH
append_to_file("$directory/competitor", <<'SH');
cd "$1"
until [ -e stop ]; do
	withlock job -d "$2" --lease "$3" --grace 0.5s -- sh command || sleep 0.1
done
SH

# Tokens whose commands ran while another did.
sub overlaps
{
	my (@lines) = @_;
	my (%first, %last);

	foreach my $line (@lines)
	{
		my ($token, undef, $at) = split / /, $line;

		$first{$token} = $at if !defined $first{$token} || $at < $first{$token};
		$last{$token} = $at if !defined $last{$token} || $at > $last{$token};
	}
	my @tokens = sort { $first{$a} <=> $first{$b} } keys %first;
	return grep { $last{ $tokens[ $_ - 1 ] } >= $first{ $tokens[$_] } || $tokens[ $_ - 1 ] > $tokens[$_] } 1 .. $#tokens;
}

# Lines that were written to the end.
sub lines { return -e $log ? grep { /^\d+ \d+ \d+\.\d{9}$/ } split /\n/, slurp_file($log) : (); }

sub begin_round
{
	my ($round) = @_;

	append_to_file("$directory/next", "$round\n");
	rename "$directory/next", "$directory/round" or die "could not begin a round: $!";
	return;
}

sub kill_postmaster
{
	my ($node) = @_;
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

	kill 'KILL', $pid;
	wait_until { !kill 0, $pid } 'the postmaster is gone';
	$node->{_pid} = undef;
	return;
}

# Copy the primary to where the spare is, in place of what is there.
sub make_standby
{
	File::Path::remove_tree($spare->data_dir);
	$primary->command_ok([ 'pg_basebackup', '-D', $spare->data_dir, '-R', '-c', 'fast', '--no-sync', '-d', conninfo($primary) ],
		'a standby is made');
	$spare->append_conf('postgresql.conf', 'port = ' . $spare->port);
	wait_until { $spare->start(fail_ok => 1) } 'it is started';
	# What a client was told of shall be on both.
	$primary->safe_psql('postgres', $_) foreach "ALTER SYSTEM SET synchronous_standby_names = '*'", 'SELECT pg_reload_conf()';
	wait_until { $primary->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_replication WHERE sync_state = $$sync$$') eq '1' }
	'it is a synchronous one';
	return;
}

my %ways = (
	fast => sub { $primary->restart },
	immediate => sub { $primary->stop('immediate'); $primary->start },
	kill => sub {
		kill_postmaster($primary);
		wait_until { $primary->start(fail_ok => 1) } 'what is left of the old server is gone';
	},
	promotion => sub {
		kill_postmaster($primary);
		$spare->promote;
		($primary, $spare) = ($spare, $primary);
	},
	away => sub {
		$primary->stop('immediate');
		Time::HiRes::sleep($LEASE + 1);
		$primary->start;
	});

# Mostly such as are quickly done; each of them in 4 rounds.
sub way
{
	my ($round) = @_;

	return 'away' if $round % 25 == 24;
	return 'promotion' if $round == 4 || $round % 8 == 0;
	return ('fast', 'immediate', 'kill')[ ($round - 1) % 3 ];
}

is(scalar overlaps('1 0 0.1', '2 0 0.3', '1 0 0.2'), 0, 'one after the other');
is(scalar overlaps('1 0 0.1', '2 0 0.2', '1 0 0.3'), 1, 'an overlap would be found');

begin_round(0);
my @competitors = map { start_program({}, 'sh', "$directory/competitor", $directory, $both, "${LEASE}s") } 1 .. $COMPETITORS;
my %times;
my %should_go_on;
foreach my $round (1 .. $ROUNDS)
{
	my $way = way($round);

	make_standby() if $way eq 'promotion';
	# In every other round somebody holds it for sure, else it may change hands just then.
	if ($round % 2 == 0)
	{
		my $previous = $round - 1;
		$should_go_on{$round} = (split / /, wait_until { (grep { / $previous / } lines())[-1] } "somebody works in round $round")[0];
	}
	Time::HiRes::sleep(rand 0.7);
	my $begin = time;
	$ways{$way}->();
	my $end = time;
	push @{ $times{$way} }, $end - $begin;
	delete $should_go_on{$round} if $end - $begin > $IN_TIME;
	$should_go_on{$round} .= " $end" if $should_go_on{$round};
	begin_round($round);
	note "round $round: $way";
}
append_to_file("$directory/stop", '');
$_->wait foreach @competitors;

my @lines = lines();
my %last;
foreach my $line (@lines)
{
	my ($token, undef, $at) = split / /, $line;
	$last{$token} = $at if !defined $last{$token} || $at > $last{$token};
}
my @interrupted = grep { my ($token, $end) = split / /, $should_go_on{$_}; $last{$token} < $end } sort keys %should_go_on;
note sprintf '%d rounds, %d commands, %d leases; ends of %s', $ROUNDS, scalar keys %last,
  $primary->safe_psql('postgres', 'SELECT count(DISTINCT token) FROM history'),
  join ', ', map { sprintf '%s: %d (%.1f s at most)', $_, scalar @{ $times{$_} }, (sort { $b <=> $a } @{ $times{$_} })[0] }
  sort keys %times;
note scalar keys %should_go_on, ' commands had a server again in time';
cmp_ok(scalar keys %last, '>', 1, 'there were several commands');
is(scalar overlaps(@lines), 0, 'one at a time, by what the commands wrote');
is($primary->safe_psql('postgres', <<'SQL'), 0, 'and by the server\'s clock');
WITH over AS (
	SELECT DISTINCT ON (token) token, acquired_at, CASE what WHEN 'DELETE' THEN at ELSE expires_at END AS over_at
	FROM history ORDER BY token, i DESC
)
SELECT count(*) FROM over AS a JOIN over AS b ON a.token < b.token AND a.over_at > b.acquired_at
SQL
is("@interrupted", '', 'none was interrupted that had a server again in time');

done_testing();
