# Copyright (c) 2026 the advisory_lock authors
#
# libadvlock as it is installed: header, symbols, pkg-config, examples.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Client;

my $reason = cannot_compile();
plan skip_all => $reason if $reason;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $libdir = pg_config('--libdir');
my $header = slurp_file(pg_config('--includedir') . '/advlock.h');

# What the shared library exports, what the list says, what the header says.
sub symbols
{
	my ($nm_options, $file) = @_;

	return [ sort map { / [A-Z] (\w+)$/ ? $1 : () } split /\n/,
		`nm $nm_options '$file'` ];
}

my $exported = symbols('-D --defined-only', "$libdir/libadvlock.so");
my @listed = grep { /^\w/ } split /\n/, slurp_file('client/libadvlock/exports.txt');
my @declared = $header =~ /^extern [\w\s*]*?\b(advlock_\w+)\(/mg;
is_deeply($exported, [ sort @listed ], 'exports.txt lists what is exported');
is_deeply([ sort @declared ], [ sort @listed ], 'advlock.h declares it');
is_deeply(
	[ grep { !/^(advlock|advl)_/ } @{ symbols('-g --defined-only', "$libdir/libadvlock.a") } ],
	[],
	'the static library defines nothing without the prefixes');

# The contract is the header.
my @lines = split /\n/, $header;
my $comment_lines = 0;
my $in_comment = 0;
foreach my $line (@lines)
{
	$in_comment ||= $line =~ m{/\*};
	$comment_lines++ if $in_comment;
	$in_comment = 0 if $line =~ m{\*/};
}
cmp_ok($comment_lines / @lines, '>=', 0.4, 'two lines of five of the header explain');

my ($version) = slurp_file('advisory_lock.control') =~ /^default_version = '(.*)'/m;
like($header, qr/^#define ADVLOCK_VERSION "\Q$version\E"$/m, 'version of the header');

SKIP:
{
	my $missing = missing_program('pkg-config');
	skip "$missing is not installed", 2 if $missing;

	local $ENV{PKG_CONFIG_PATH} = "$libdir/pkgconfig";
	chomp(my $modversion = `pkg-config --modversion advlock`);
	is($modversion, $version, 'version of advlock.pc');
	chomp(my $flags = `pkg-config --cflags --libs advlock`);
	like($flags, qr/-ladvlock/, 'flags of advlock.pc');
}

# Each language takes the header alone.
append_to_file("$dir/alone.c", "#include <advlock.h>\nint main(void) { return ADVLOCK_OK; }\n");
compile("$dir/alone", ["$dir/alone.c"], '-pedantic', @shared_library);
passes('the header stands alone in C', "$dir/alone");

SKIP:
{
	my $missing = missing_program('c++');
	skip "$missing is not installed", 1 if $missing;

	my @flags = grep { !/^-std/ } @compiler_flags;
	my @command = (
		'c++', '-std=c++11', @flags, 'client/tests/header_test.cc',
		@shared_library, '-o', "$dir/header_test");
	system_or_bail(@command);
	passes('the header works in C++', "$dir/header_test");
}

# make in a copy of client/; the outer make must not interfere.
my $build = "$dir/build";
mkdir $build;
system_or_bail('cp', '-r', 'client', 'advisory_lock.control', $build);
my ($out, $err);

sub make
{
	my @targets = @_;

	local %ENV = %ENV;
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	return IPC::Run::run([ 'make', '-s', '-C', "$build/client", @targets ],
		'<', \undef, '>', \$out, '2>', \$err);
}

sub installed_files
{
	return sort map { s{.*/}{}r } split /\n/, `find '$build/root' ! -type d`;
}

# DESTDIR holds everything, and uninstall leaves nothing of it.
ok(make('install', "DESTDIR=$build/root"), 'install into another root') or diag($err);
is_deeply(
	[ installed_files() ],
	[ qw(_withlock advlock.h advlock.pc libadvlock.a libadvlock.so libadvlock.so.1 withlock withlock withlock.1) ],
	'installs these files');
ok(make('uninstall', "DESTDIR=$build/root"), 'uninstall') or diag($err);
is_deeply([ installed_files() ], [], 'leaves nothing');

# The library must not write for its program or end it: the build refuses.
append_to_file("$build/client/common/clock.c",
	"#include <stdlib.h>\nvoid advl_end_all(void);\nvoid advl_end_all(void) { exit(1); }\n");
ok(!make('libadvlock/libadvlock.so.1'), 'the build refuses a library that calls exit()');
like($out, qr/ exit.*must not call/s, 'and says why');

# The examples, compiled as their comments say and run.
my $node = start_node('main');
my $conninfo = conninfo($node);
compile("$dir/report", ['client/examples/report.c'], @shared_library);
compile("$dir/standby", ['client/examples/standby.c'], @shared_library);

my ($stdout, $stderr) = run_command([ "$dir/report", $conninfo ]);
like($stdout, qr/^writing report\.txt, token [1-9]\d*$/, 'the blocking example runs its job');
is($stderr, '', 'and is quiet otherwise');

my (@in, @out, @program);
foreach my $i (0, 1)
{
	($in[$i], $out[$i]) = ('', '');
	$program[$i] = IPC::Run::start(
		[ "$dir/standby", $conninfo ],
		'<', \$in[$i], '>&', \$out[$i],
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $state = $i == 0 ? 'leading' : 'waiting';
	$program[$i]->pump until $out[$i] =~ /^$state$/m;
}
$in[1] = "?\n";
$program[1]->pump until $out[1] =~ /^still waiting$/m;
pass('the polling example answers while it waits');

$node->safe_psql('postgres',
	"SELECT advisory_lock.terminate_holders('leader')");
$program[1]->pump until $out[1] =~ /^leading$/m;
pass('and leads when the leader is gone');
# Only then its input may end, which would end it too.
$program[0]->pump while $program[0]->pumpable && $out[0] !~ /^lock was lost: .*\n/m;
$program[0]->finish;
like($out[0], qr/^lock was lost: /m, 'the old leader knows that it lost the lock');
is($program[0]->full_result(0) >> 8, 1, 'and fails');
$program[1]->finish;
is($program[1]->full_result(0), 0, 'the end of the input ends it');

done_testing();
