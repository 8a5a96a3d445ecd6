# Copyright (c) 2026 the advisory_lock authors
#
# Memory: other tests of withlock again, with a withlock that was compiled with
# the compiler's sanitizers, and with one under valgrind.  Those find what is
# wrong by an exit status and words that the tests do not expect.
#
# PG_TEST_EXTRA=memory runs all of them so, which takes minutes.

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $all = ($ENV{PG_TEST_EXTRA} // '') =~ /\bmemory\b/;

# The tests whose numbers are given; 206 and 219 look at speed, 209 and 224
# need namespaces of their own, and this is 212.
sub tests
{
	my (@numbers) = @_;

	@numbers = (200 .. 205, 207, 208, 210, 211, 213 .. 217, 220 .. 223, 225) if $all;
	return map { glob "t/${_}_*.pl" } @numbers;
}

# Runs tests with the programs of a directory first.
sub run_tests
{
	my ($kind, @files) = @_;

	local $ENV{PATH} = "$dir/$kind:$ENV{PATH}";
	foreach my $file (@files)
	{
		my $place = "$dir/$kind/run";
		my $output = '';

		make_path("$place/log");
		local @ENV{qw(TESTDIR TESTDATADIR TESTLOGDIR)} = ($place, $place, "$place/log");
		IPC::Run::run([$^X, (map { "-I$_" } @INC), $file], '<', \undef, '>&', \$output);
		is($?, 0, "$kind: $file") or diag $output;
		like($output, qr/^ok 1\b/m, '... has run');
	}
	return;
}

make_path("$dir/sanitizers", "$dir/valgrind");

SKIP:
{
	my @flags = ('-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-D_GNU_SOURCE',
		'-DADVISORY_LOCK_VERSION="1.0"', '-L' . pg_config('--libdir'), '-lpq');

	append_to_file("$dir/probe.c", "int main(void) { return 0; }\n");
	skip 'the compiler has no sanitizers', 1
	  unless eval { compile("$dir/probe", ["$dir/probe.c"], '-fsanitize=address,undefined'); 1 };
	compile("$dir/sanitizers/withlock",
		[ glob('client/{common,libadvlock,withlock}/*.c') ], @flags);
	# some tests preload libraries of their own
	local $ENV{ASAN_OPTIONS} = 'verify_asan_link_order=0';
	run_tests('sanitizers', tests(204, 211));
}

SKIP:
{
	my $missing = missing_program('valgrind');
	skip "$missing is not installed", 1 if $missing;

	my $withlock = pg_config('--bindir') . '/withlock';
	my $kinds = 'definite,indirect,possible';

	# What forks and then cannot execute its command holds what we hold.
	append_to_file("$dir/valgrind/withlock", <<"EOT");
#!/bin/sh
exec valgrind --quiet --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes \\
	--show-leak-kinds=$kinds --errors-for-leak-kinds=$kinds '$withlock' "\$@"
EOT
	chmod 0755, "$dir/valgrind/withlock" or die "could not chmod: $!";
	my $node = start_node('main');
	local $ENV{WITHLOCK_DB} = conninfo($node);
	local $ENV{PATH} = "$dir/valgrind:$ENV{PATH}";
	my $holder = session($node);
	$holder->query("SELECT advisory_lock.lock('busy')");
	my %runs = (
		'a command' => [3, 'x', '--', 'sh', '-c', 'exit 3'],
		'a shell string' => [4, 'x', '-v', '-c', 'exit 4'],
		'several locks' => [0, 'x', '--also', 'y', '--', 'true'],
		'a permit' => [0, 'x', '--permits', '2', '--', 'true'],
		'a transaction' => [0, 'x', '--transaction', '--', 'true'],
		'a busy lock' => [75, 'busy', '-n', 'true'],
		'a timeout' => [75, 'busy', '-t', '2', 'true'],
		'no server' => [69, 'x', '-d', 'host=/nonexistent', 'true'],
		'--keep without a server' => [69, 'x', '-d', 'host=/nonexistent', '--keep', '-t', '2', 'true'],
		'a malformed connection string' => [64, 'x', '-d', 'a=b', 'true'],
		'no such command' => [127, 'x', '--', '/nonexistent'],
		'a nested one' => [64, 'x', '--', 'withlock', 'x', 'true'],
		'--list' => [0, '--list'],
		'--list --json' => [0, '--list', '--json'],
		'--status' => [75, '--status', 'busy'],
		'--help' => [0, '--help'],
		'an unknown option' => [64, '--nosuchoption'],
		'--kill' => [1, '--kill', 'nobody']);
	foreach my $name (sort keys %runs)
	{
		my ($status, @arguments) = @{ $runs{$name} };
		my ($out, $err) = ('', '');

		IPC::Run::run(['withlock', @arguments], '<', \undef, '>', \$out, '2>', \$err);
		is($? >> 8, $status, "valgrind: $name") or diag $err;
		unlike($err, qr/^==/m, '... nothing found');
	}
	# A lock that is lost
	is(system("withlock lost -- psql -XAtqc \"SELECT advisory_lock.terminate_holders('lost')\" -d '"
			  . conninfo($node) . "' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1") >> 8,
		74, 'valgrind: a lost lock');
}

done_testing();
