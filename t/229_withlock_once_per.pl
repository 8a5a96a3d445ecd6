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

sub recorded
{
	my ($name) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM advisory_lock.runs WHERE name = '$name'");
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

foreach my $way ([], ['--lease', '10s'])
{
	my $name = "job @$way";
	my @once = ($name, @$way, '--once-per', '1h', '-v', '--');

	is(withlock(@once, 'sh', '-c', 'exit 3')->status, 3, "$name: a command that fails");
	is(recorded($name), 0, '... does not count');
	my $ended = withlock(@once, 'echo', 'run');
	is($ended->status, 0, '... so the next one');
	is($ended->stdout, "run\n", '... runs it');
	is(recorded($name), 1, '... and is recorded');

	$ended = withlock(@once, 'echo', 'run');
	is($ended->status, 0, 'after that');
	is($ended->stdout, '', '... nobody runs it');
	like($ended->stderr, qr/it has been done, in a run that began at \d{4}-/, '... and -v says why');
	unlike($ended->stderr, qr/could not/, '... and nothing else');
	is(withlock($name, '-n', 'true')->status, 0, '... and nothing is held');

	$node->safe_psql('postgres',
		"UPDATE advisory_lock.runs SET started_at = started_at - interval '2 h' WHERE name = '$name'");
	is(withlock(@once, 'echo', 'run')->stdout, "run\n", 'it is due again');

	# Somebody else has had the name meanwhile: by the token that is known.
	$ended = withlock("$name lost", @$way, '--once-per', '1h', '--', 'psql', '-XAtqc',
		"INSERT INTO advisory_lock.runs (name, token, started_at, recorded_at, owner)"
		  . " SELECT '$name lost', nextval('advisory_lock.token_sequence') + 100000, now(), now(), current_user",
		conninfo($node));
	is($ended->status, 74, 'a run that is out of date');
	like($ended->stderr, qr/is lost: token .* is out of date.*; the run does not count/s, '... does not count');

	# Whoever begins first; the clocks of hosts are not asked.
	my $runs = 0;
	foreach my $round (1 .. $ROUNDS)
	{
		my $log = "$directory/$round" . @$way;
		append_to_file($log, '');
		my @starters = map {
			start_withlock(skewed($_), "$name $round", @$way, '--once-per', '1h', '--', 'sh', '-c', "echo run >> $log")
		} 1 .. $STARTERS;
		my @failed = grep { $_->wait != 0 } @starters;
		is(scalar @failed, 0, "round $round: none fails") if @failed || $round == 1;
		$runs += () = slurp_file($log) =~ /run/g;
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
