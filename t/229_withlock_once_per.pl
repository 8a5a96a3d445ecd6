# Copyright (c) 2026 the advisory_lock authors
#
# withlock --once-per: one run, however many start it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use Withlock;

my $STARTERS = 5;
my $ROUNDS = ($ENV{PG_TEST_EXTRA} // '') =~ /\bruns\b/ ? 100 : 3;

my $node = start_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$ENV{WITHLOCK_DB} = conninfo($node);

# Hosts whose clocks differ by 3 s.
my $clock = cannot_compile() ? undef : "$directory/clock.so";
compile($clock, ['torture/clock.c'], '-shared', '-fPIC') if $clock;
append_to_file("$directory/clock$_", 3 * ($_ - 3)) foreach 1 .. $STARTERS;

sub skewed
{
	my ($host) = @_;

	return { env => { LANG => 'C', LD_PRELOAD => $clock, TORTURE_CLOCK => "$directory/clock$host" } };
}

sub last_run
{
	my ($lock) = @_;

	return $node->safe_psql('postgres', "SELECT advisory_lock.last_run($lock)");
}

SKIP:
{
	skip cannot_compile(), 1 if !$clock;
	my @dates = map { start_program(skewed($_), 'date', '+%s') } 1, $STARTERS;
	$_->wait foreach @dates;
	cmp_ok($dates[1]->stdout - $dates[0]->stdout, '>', 3 * $STARTERS - 5, 'clocks can be skewed');
}

foreach my $option (['--shared'], ['--permits', '2'], ['--also', 'y'], ['--transaction'])
{
	is(withlock('x', '-d', 'host=/nonexistent', '--once-per', '1h', @$option, 'true')->status, 64, "not with @$option");
}
my $bare = withlock('x', '-d', conninfo($node, 'bare'), '--once-per', '1h', 'echo', 'run');
is($bare->status, 69, 'without the extension nothing is recorded');
is($bare->stdout, '', '... and nothing is run');
like($bare->stderr, qr/runs are recorded by the extension .*\n.*CREATE EXTENSION/, '... with what to do');

# By name, by keys of both kinds, and by a session as by a lease.
foreach my $way (
	[ 'job', 'job' ],
	[ 'leased', 'leased', '--lease', '10s' ],
	[ '72707369', '--key', 'prisma' ],
	[ '-1, 2', '--key', '-1,2', '--lease', '10s' ])
{
	my ($lock, @lock) = @$way;
	my $key = $lock =~ /\d/ ? $lock : "'$lock'";
	my @once = (@lock, '--once-per', '1h', '-v', '--');

	is(withlock(@once, 'sh', '-c', 'exit 3')->status, 3, "@lock: a command that fails");
	is(last_run($key), '', '... does not count');
	my $ended = withlock(@once, 'echo', 'run');
	is($ended->status, 0, '... so the next one');
	is($ended->stdout, "run\n", '... runs it');
	isnt(last_run($key), '', '... and is recorded');

	$ended = withlock(@once, 'echo', 'run');
	is($ended->status, 0, 'after that');
	is($ended->stdout, '', '... nobody runs it');
	like($ended->stderr, qr/it has been done, in a run that began at \d{4}-/, '... and -v says why');
	unlike($ended->stderr, qr/could not/, '... and nothing else');
	is(withlock(@lock, '-n', 'true')->status, 0, '... and nothing is held');

	$node->safe_psql('postgres', "UPDATE advisory_lock.runs SET started_at = started_at - interval '2 h'");
	is(withlock(@once, 'echo', 'run')->stdout, "run\n", 'it is due again');

	# The server's clock has been set back since.
	foreach my $ahead ([ '30 min', '' ], [ '2 h', "run\n" ])
	{
		$node->safe_psql('postgres', "UPDATE advisory_lock.runs SET started_at = now() + interval '$ahead->[0]'");
		is(withlock(@once, 'echo', 'run')->stdout, $ahead->[1], "a run that began $ahead->[0] from now");
	}

	# Somebody else has had the lock meanwhile: by the token that is known.
	$node->safe_psql('postgres', "UPDATE advisory_lock.runs SET started_at = started_at - interval '2 h'");
	$ended = withlock(@lock, '--once-per', '1h', '--', 'psql', '-XAtqc', 'UPDATE advisory_lock.runs SET token = token + (1::bigint << 40)', conninfo($node));
	is($ended->status, 74, 'a run that is out of date');
	like($ended->stderr, qr/is lost: token .* is out of date.*; the run does not count/s, '... does not count');
	$node->safe_psql('postgres', 'DELETE FROM advisory_lock.runs');

	# Whoever begins first; the clocks of hosts are not asked.
	my $runs = 0;
	foreach my $round (1 .. $ROUNDS)
	{
		my $log = "$directory/$lock$round";
		append_to_file($log, '');
		my @starters = map {
			start_withlock(skewed($_), @lock, '--once-per', '1h', '--', 'sh', '-c', "echo run >> '$log'")
		} 1 .. $STARTERS;
		my @failed = grep { $_->wait != 0 } @starters;
		is(scalar @failed, 0, "round $round: none fails") if @failed || $round == 1;
		$runs += () = slurp_file($log) =~ /run/g;
		$node->safe_psql('postgres', 'DELETE FROM advisory_lock.runs');
	}
	is($runs, $ROUNDS, "$ROUNDS rounds of $STARTERS: as many runs");
}

# The command has succeeded, and the server does not say that it knows: with
# --keep it is not run again by that.
my $blocker = session($node);
my $kept = start_withlock('kept', '--keep', '--once-per', '1h', '--', 'sh', '-c',
	"echo run >> $directory/kept; until [ -e $directory/enough ]; do sleep 0.02; done");
wait_until { -e "$directory/kept" } 'it runs';
$blocker->query('BEGIN; LOCK TABLE advisory_lock.runs IN ACCESS EXCLUSIVE MODE');
append_to_file("$directory/enough", '');
wait_until { $kept->stderr =~ /could not be released/ } 'the server is silent';
$blocker->query('ROLLBACK');
is($kept->wait, 69, 'a run that could not be recorded');
is(slurp_file("$directory/kept"), "run\n", '... is not run again');
like($kept->stderr, qr/lock "kept": the run could not be recorded: the server does not answer/, '... and it says why');

done_testing();
