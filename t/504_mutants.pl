# Copyright (c) 2026 the advisory_lock authors
#
# Do torture and the tests find what is wrong?  Each of the mistakes in mutants/
# is built into the extension, the client or the resource, and the test that it
# names, or a short run that is directed at it, must find it.  A run ends as soon
# as it has; how long that took is shown.

use strict;
use warnings FATAL => 'all';

use Test::More;

use AdvisoryLock;

foreach my $program (qw(cc patch))
{
	my $missing = missing_program($program);
	plan skip_all => "$missing is not installed" if $missing;
}

my $pattern = $ARGV[0] // '.';
my @mutants = sort grep { /$pattern/ } map { m{([^/]*)\.patch$} } glob 'mutants/*.patch';
my ($output, $error) = ('', '');
IPC::Run::run([ 'scripts/mutants', $pattern ], '<', \undef, '>', \$output, '2>', \$error);

foreach my $mutant (@mutants)
{
	note "| $1" if $output =~ /^(caught \Q$mutant\E .*)/m;
  SKIP:
	{
		skip "$mutant: $1", 1 if $output =~ /^SKIPPED \Q$mutant\E: (.*)/m;
		like($output, qr/^caught \Q$mutant\E by/m, "$mutant is found");
	}
}
diag "$error$output" if grep { !$_ } Test::More->builder->summary;

done_testing();
