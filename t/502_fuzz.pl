# Copyright (c) 2026 the advisory_lock authors
#
# What fuzzing has found worth keeping, once more: answers of servers to
# libadvlock, and command lines of withlock, under the sanitizers.
# torture/fuzz/Makefile makes the fuzzers themselves.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir();
my @sanitize = qw(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all);

open my $probe, '>', "$dir/probe.c" or die $!;
print $probe "int main(void) { return 0; }\n";
close $probe;
# Without sanitizers it can still crash.
@sanitize = () unless eval { compile("$dir/probe", ["$dir/probe.c"], @sanitize); 1 };

# Which parts of the tool, the Makefile for fuzzing says.
my ($tool) = slurp_file('torture/fuzz/Makefile') =~ m{^TOOL = .*/withlock/, ([^)]+)\)}m
  or die 'no TOOL in the Makefile';
my %sources = (
	replies => [ glob('client/{common,libadvlock}/*.c'), 'torture/fuzz/replies.c', 'torture/fuzz/fake_libpq.c' ],
	inputs => [
		glob('client/{common,libadvlock}/*.c'), 'torture/fuzz/inputs.c',
		map { "client/withlock/$_" } split ' ', $tool ]);
my %libraries = (replies => [], inputs => [ '-L' . pg_config('--libdir'), '-lpq' ]);

foreach my $what (sort keys %sources)
{
	compile("$dir/$what", [ 'torture/fuzz/replay.c', @{ $sources{$what} } ],
		'-O0', '-DADVISORY_LOCK_VERSION="1.0"', @sanitize, @{ $libraries{$what} });
	my @corpus = glob "torture/fuzz/corpus/$what/*";
	cmp_ok(scalar @corpus, '>', 10, "there are $what");
	my ($output, $error) = ('', '');
	ok(IPC::Run::run([ "$dir/$what", @corpus ], '<', \undef, '>', \$output, '2>', \$error),
		"nothing breaks by $what")
	  or diag $error;
}

done_testing();
