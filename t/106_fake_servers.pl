# Copyright (c) 2026 the advisory_lock authors
#
# Whatever a server answers, libadvlock reads nothing that is not there, comes
# to an end, and says held only of what was granted.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use FakeServer;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir;
my @sanitize =
  qw(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all);

# Without sanitizers it can still crash.
my $program = "$dir/sanitized";
eval {
	compile($program, [ @{ test_sources() }, glob('client/{common,libadvlock}/*.c') ],
		@sanitize, '-DADVISORY_LOCK_VERSION="1.0"', '-L' . pg_config('--libdir'), '-lpq');
	1;
} or do
{
	note 'without sanitizers';
	$program = "$dir/plain";
	compile($program, test_sources(), @static_library);
};

my $seed = $ENV{FAKE_SERVER_SEED} // int rand 1_000_000_000;
my $fake = FakeServer->new($seed);
passes("$_ (FAKE_SERVER_SEED=$seed)", $program, $fake->conninfo, $_)
  foreach library_tests($program, 'fake');
$fake->close;

done_testing();
