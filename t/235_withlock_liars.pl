# Copyright (c) 2026 the advisory_lock authors
#
# Whatever a server answers, withlock reads nothing that is not there, comes to
# an end with one of its own statuses, and shows nothing that drives a terminal.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;
use FakeServer;
use Withlock;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $ROUNDS = ($ENV{PG_TEST_EXTRA} // '') =~ /\bfuzz\b/ ? 60 : 6;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $program = "$dir/withlock";
my @sanitize = qw(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all);
my @sources = glob 'client/{common,libadvlock,withlock}/*.c';
my @rest = ('-DADVISORY_LOCK_VERSION="1.0"', '-L' . pg_config('--libdir'), '-lpq');
# Without sanitizers it can still crash.
eval { compile($program, \@sources, '-O0', @sanitize, @rest); 1 } or compile($program, \@sources, @rest);

# A sanitizer that has found something ends the process with a status that is
# none of ours.  What is in use at the end is nobody's loss.
my $FOUND = 99;
my %environment = (ASAN_OPTIONS => "exitcode=$FOUND:detect_leaks=0", UBSAN_OPTIONS => "exitcode=$FOUND", WITHLOCK_DB => undef);

my @asked = (
	['--list'], ['--list', 'x', '--json'], ['--status', 'x'], ['--status', 'x', '--permits', '3', '--json'], ['--kill', 'x'], ['--kill', 'x', '--json'],
	['x', '-n', '--', 'true'], ['x', '-t', '1', '-v', '--', 'true'], ['x', '-s', '-t', '1', '--', 'true'], ['x', '--also', 'y', '-t', '1', '--', 'true'],
	['x', '--permits', '2', '-t', '1', '--', 'true'], ['x', '--transaction', '-t', '1', '--', 'true'], ['x', '--lease', '10s', '-t', '1', '--', 'true'],
	['x', '--once-per', '1h', '-t', '1', '--', 'true'], ['--key', 'rails', '-t', '1', '--', 'true']);
my $seed = $ENV{FAKE_SERVER_SEED} // int rand 1_000_000_000;
note "FAKE_SERVER_SEED=$seed";
my @fakes = map { FakeServer->new($seed + 1_000_000 * $_) } 0 .. $#asked;
my (%statuses, %odd);

sub check
{
	my ($what, $status, $said) = @_;

	$statuses{$status}++;
	$odd{"$what: exits with $status: $said"} = 1 unless grep { $status eq $_ } 0, 1, 64 .. 78;
	$odd{"$what: a sanitizer: $said"} = 1 if $said =~ /runtime error|AddressSanitizer/;
	$odd{"$what: shows control characters"} = 1 if $said =~ /[\x00-\x08\x0b-\x1f\x7f]/;
	return;
}

# A fake serves one after the other, so each question is asked again when it
# has been answered.
sub ask { return start_program({ env => \%environment }, $program, '-d', $fakes[$_[0]]->conninfo, @{ $asked[$_[0]] }); }

my @left = ($ROUNDS) x @asked;
my %running = map { $_ => ask($_) } 0 .. $#asked;
while (%running)
{
	my $number;

	wait_until { ($number) = grep { $running{$_}->has_ended } keys %running; defined $number } 'one has ended';
	my $ended = delete $running{$number};
	check("@{ $asked[$number] }", $ended->wait, $ended->stdout . $ended->stderr);
	$running{$number} = ask($number) if --$left[$number] > 0;
}
note '| statuses: ' . join ', ', map { "$statuses{$_} times $_" } sort { $a <=> $b } keys %statuses;
is(join("\n", sort keys %odd), '', 'all end as they should');
cmp_ok(scalar keys %statuses, '>', 3, '... and in many ways');
$_->close foreach @fakes;

done_testing();
