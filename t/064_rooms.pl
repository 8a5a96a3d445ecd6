# Copyright (c) 2026 the advisory_lock authors

# Does scripts/check-style find what goes upwards or in a circle?  Planted into
# a copy of the sources and objects.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

foreach my $program (qw(cc nm))
{
	my $missing = missing_program($program);
	plan skip_all => "$missing is not installed" if $missing;
}

my $copy = PostgreSQL::Test::Utils::tempdir . '/copy';
mkdir $copy or die "could not make a directory: $!";
system_or_bail('cp', '-R', qw(extension client scripts advisory_lock.control), $copy);

# The checks that fail in the copy, and what they say.
sub complaints
{
	return scalar qx($^X '$copy/scripts/check-style' 2>&1);
}

# Put a source file there, and build it.
sub plant
{
	my ($file, $contents) = @_;

	append_to_file("$copy/$file.c", $contents);
	system_or_bail('cc', '-c', "$copy/$file.c", '-o', "$copy/$file.o");
	return;
}

# A function in one file that calls a function in another.
sub plant_call
{
	my ($file, $function, $called) = @_;

	plant($file, "int $called(void);\nint $function(void);\n\nint\n$function(void)\n{\n\treturn $called();\n}\n");
	return;
}

my $before = complaints();
foreach my $house (qw(extension client))
{
	like($before, qr/^ok .*$house: $_$/m, "$house as it is: $_")
	  foreach 'includes name a room, and none above', 'everything has been built',
	  'no file calls one in a room above', 'no files call each other in a circle';
}

append_to_file("$copy/extension/registry/planted.h", qq{#include "locking/wait.h"\n});
append_to_file("$copy/client/common/planted.h", qq{#include "withlock/run.h"\n});
append_to_file("$copy/extension/registry/here.h", qq{#include "names.h"\n});
append_to_file("$copy/extension/registry/unbuilt.c", "\n");
plant_call('extension/base/low', 'planted_low', 'planted_high');
plant_call('extension/tokens/high', 'planted_high', 'planted_low');
plant_call('client/withlock/left', 'planted_left', 'planted_right');
plant_call('client/withlock/right', 'planted_right', 'planted_left');

my $after = complaints();
like($after, qr{extension/registry/planted\.h:1: "locking/wait\.h" is above}, 'an include upwards is found');
like($after, qr{client/common/planted\.h:1: "withlock/run\.h" is above}, 'also in the client');
like($after, qr{extension/registry/here\.h:1: "names\.h" without its room}, 'an include without a room');
like($after, qr{^# +extension/registry/unbuilt\.c$}m, 'a file without an object');
like($after, qr{extension/base/low calls extension/tokens/high, which is above: planted_high},
	'a call upwards that no include tells of');
like($after, qr{2 files: extension/base/low extension/tokens/high}, 'a circle of rooms');
like($after, qr{2 files: client/withlock/left client/withlock/right}, 'a circle in one room');
unlike($after, qr/^ok .*extension: .*$_$/m, "'$_' does not pass")
  foreach 'none above', 'been built', 'in a room above', 'in a circle';

done_testing();
