# Copyright (c) 2026 the advisory_lock authors
#
# A little torture: everybody who can lock, on a server that dies in
# every way, and nothing that must never be seen.  scripts/torture does it for
# longer; arguments say how long here, and by what seed: "prove ... t/500_torture.pl :: 120 7".
# Every run is another one: a failure shows the seed, with which the same is done
# again.  There is one with an even seed and one with an odd one, since a clock
# that is wrong and an extension that is dropped do not go together.

use strict;
use warnings FATAL => 'all';

use lib 'torture/lib';
use Torture::Network;

use File::Copy qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock::Client;
use Torture::Checker;
use Torture::History;
use Torture::Picture;
use Torture::Report;
use Torture::Run;

plan skip_all => $_ for grep { defined } cannot_compile();

my $seconds = $ARGV[0] // 45;
my $seed = $ARGV[1] // $$;
my $programs = PostgreSQL::Test::Utils::tempdir();
my %skipped;

compile("$programs/worker", [ grep { !/clock\.c$/ } glob 'torture/*.c' ], '-Iclient/libadvlock', @shared_library);
compile("$programs/clock.so", ['torture/clock.c'], '-shared', '-fPIC');

sub torture
{
	my ($its_seed) = @_;
	my $run = Torture::Run->new(
		directory => PostgreSQL::Test::Utils::tempdir_short(),
		program => "$programs/worker",
		clock_preload => "$programs/clock.so",
		registry => 1,
		patience => 120,
		seed => $its_seed);

	$run->torture($seconds / 2);
	my $history = read_history($run->{history});
	my $verdict = check($history, $run->{names});
	my $text = report({ seed => $its_seed, registry => 1 }, $run, $verdict, $seconds / 2);
	note $text =~ s/^/| /gmr;

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
	$skipped{$_}++ foreach grep { $run->{skipped}{$_} !~ /seed|clock/ } keys %{ $run->{skipped} };
	return;
}

torture($_) foreach $seed, $seed + 1;
SKIP:
{
	skip join(', ', sort keys %skipped) . ': not here, see above', scalar keys %skipped if %skipped;
}

done_testing();
