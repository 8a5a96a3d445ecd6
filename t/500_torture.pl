# Copyright (c) 2026 the advisory_lock authors
#
# A little torture: everybody who can lock, on a server that dies in
# every way, and nothing that must never be seen.  scripts/torture does it for
# longer; an argument says how long here: "prove ... t/500_torture.pl :: 120".
# Needs PG_TEST_EXTRA=torture, since every run is another one.
# A failure shows the seed, with which the same is done again.

use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock::Client;
use lib 'torture/lib';
use Torture::Checker;
use Torture::History;
use Torture::Picture;
use Torture::Report;
use Torture::Run;

plan skip_all => 'PG_TEST_EXTRA has no "torture"' if ($ENV{PG_TEST_EXTRA} // '') !~ /\btorture\b/;
plan skip_all => $_ for grep { defined } cannot_compile();

my $seconds = $ARGV[0] // 20;
my $seed = $ARGV[1] // $$;
my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $programs = PostgreSQL::Test::Utils::tempdir();

compile("$programs/worker", [ grep { !/clock\.c$/ } glob 'torture/*.c' ], '-Iclient/libadvlock', @shared_library);
compile("$programs/clock.so", ['torture/clock.c'], '-shared', '-fPIC');

my $run = Torture::Run->new(
	directory => $directory,
	program => "$programs/worker",
	clock_preload => "$programs/clock.so",
	registry => 1,
	seed => $seed);
$run->torture($seconds);
my $history = read_history($run->{history});
my $verdict = check($history, $run->{names});
my $text = report({ seed => $seed, registry => 1 }, $run, $verdict, $seconds);
note $text;

# A busy machine does less in the same time; what was not done proves nothing.
my $figures = $verdict->{figures};
cmp_ok($figures->{acquisitions}, '>', 100, 'locks were taken');
cmp_ok(scalar keys %{ $figures->{faults} }, '>', 4, 'faults happened');
cmp_ok($run->{stored} // 0, '>', 20, 'the resource was written to');
if (!ok(!@{ $verdict->{violations} }, 'nothing was seen that must never be'))
{
	diag $text;
	draw("$PostgreSQL::Test::Utils::log_path/torture.svg", $history, $verdict->{violations});
	copy($run->{history}, "$PostgreSQL::Test::Utils::log_path/torture.history");
	diag "the history and a picture are beside the log";
}

done_testing();
