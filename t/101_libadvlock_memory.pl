# Copyright (c) 2026 the advisory_lock authors
#
# Memory: the tests of libadvlock again under valgrind, and compiled with the
# compiler's sanitizers; and every allocation failing in turn.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = start_node('main', extension => 0, conf => "deadlock_timeout = 100ms");
foreach my $dbname (qw(extension plain))
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname ENCODING UTF8 LOCALE 'C' TEMPLATE template0");
}
$node->safe_psql('extension', 'CREATE EXTENSION advisory_lock');

compile("$dir/advlock_test", test_sources(), @static_library);

sub run_all
{
	my ($name, @command) = @_;

	foreach my $place (qw(extension plain))
	{
		passes("$name ($place)", @command, conninfo($node, $place),
			library_tests("$dir/advlock_test", 'any', $place));
	}
	return;
}

SKIP:
{
	my $missing = missing_program('valgrind');
	skip "$missing is not installed", 4 if $missing;

	# What is still reachable at the end belongs to libraries below libpq.
	my $kinds = 'definite,indirect,possible';
	my @valgrind = (
		qw(valgrind --quiet --error-exitcode=99 --leak-check=full),
		"--show-leak-kinds=$kinds", "--errors-for-leak-kinds=$kinds");
	run_all('valgrind finds nothing', @valgrind, "$dir/advlock_test");

	compile(
		"$dir/test_memory",
		[ 'client/tests/test_memory.c', 'client/tests/check.c' ],
		'-Wl,--wrap=calloc', '-Wl,--wrap=realloc', @static_library);
	foreach my $place (qw(extension plain))
	{
		passes("nothing is lost when memory runs out ($place)",
			@valgrind, "$dir/test_memory", conninfo($node, $place));
	}
}

SKIP:
{
	my @sanitize =
	  qw(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all);
	my $version = '-DADVISORY_LOCK_VERSION="1.0"';

	open my $probe, '>', "$dir/probe.c" or die $!;
	print $probe "int main(void) { return 0; }\n";
	close $probe;
	skip 'the compiler has no sanitizers', 2
	  unless eval { compile("$dir/probe", ["$dir/probe.c"], @sanitize); 1 };

	compile("$dir/sanitized",
		[ @{ test_sources() }, glob('client/{common,libadvlock}/*.c') ],
		@sanitize, $version, '-L' . pg_config('--libdir'), '-lpq');
	run_all('sanitizers find nothing', "$dir/sanitized");
}

done_testing();
