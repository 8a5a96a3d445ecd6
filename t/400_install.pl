# Copyright (c) 2026 the advisory_lock authors
#
# make install and uninstall, as README's section "Install" says.

use strict;
use warnings FATAL => 'all';

use Cwd qw(getcwd);
use File::Find;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $pg_config = which('pg_config');
my $build = "$dir/build";
my $root = "$dir/root";
mkdir $_ or die "could not make $_: $!" foreach $build, "$dir/bin";
# With what has been built already, in order to be done sooner.
system_or_bail('cp', '-pR', grep({ !m{^(t|tmp_check|doc)$} } glob('* .built-for')), $build);
my ($out, $err);

sub which
{
	my ($program) = @_;

	my ($file) = grep { -x } map { "$_/$program" } split /:/, $ENV{PATH};
	return $file;
}

# Another make, with which the one that runs us must not interfere.
sub make
{
	my @arguments = @_;

	local %ENV = %ENV;
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL PG_CONFIG)};
	return IPC::Run::run(
		[ 'make', '-s', '-j2', '-C', $build, 'with_llvm=no', 'COPT=-O0 -U_FORTIFY_SOURCE', @arguments ],
		'<', \undef, '>', \$out, '2>', \$err);
}

sub files_under
{
	my ($top) = @_;
	my @files;

	find({ no_chdir => 1, wanted => sub { push @files, s/^\Q$top\E//r if -l || -f } }, $top)
	  if -d $top;
	return sort @files;
}

sub pg_config
{
	my ($option) = @_;

	chomp(my $answer = `$pg_config $option`);
	return $answer;
}

sub write_program
{
	my ($file, $text) = @_;

	unlink $file;
	append_to_file($file, "#!/bin/sh\n$text\n");
	chmod 0755, $file or die "could not chmod $file: $!";
	return $file;
}

my $version = (slurp_file('advisory_lock.control') =~ /^default_version = '(.*)'/m)[0];
my @client = map { "/usr/local/$_" } qw(bin/withlock include/advlock.h lib/libadvlock.a lib/libadvlock.so
  lib/libadvlock.so.1 lib/pkgconfig/advlock.pc share/bash-completion/completions/withlock
  share/man/man1/withlock.1 share/zsh/site-functions/_withlock);

# --- All of it ---

ok(make('install', "DESTDIR=$root"), 'make install') or diag($err);
my @installed = files_under($root);
is_deeply([ grep { m{^/usr/local/} } @installed ], \@client, 'the client is where PATH and MANPATH look');
is_deeply(
	[ sort grep { !m{^/usr/local/} } @installed ],
	[
		sort(pg_config('--pkglibdir') . '/advisory_lock.so',
			map { pg_config('--sharedir') . "/extension/$_" }
			  'advisory_lock.control', "advisory_lock--$version.sql")
	],
	'the extension is where pg_config says');
like(slurp_file("$root/usr/local/lib/pkgconfig/advlock.pc"),
	qr{^libdir=/usr/local/lib\nincludedir=/usr/local/include$}m, 'advlock.pc says where');
ok(make('uninstall', "DESTDIR=$root"), 'make uninstall') or diag($err);
is_deeply([ files_under($root) ], [], 'removes all of it');

# --- The extension alone ---

ok(make('install', 'WITH_CLIENT=no', "DESTDIR=$root"), 'make install without the client') or diag($err);
is_deeply([ files_under($root) ], [ grep { !m{^/usr/local/} } @installed ], '... has the extension, and nothing else');
ok(make('uninstall', "DESTDIR=$root"), '... and is removed again') or diag($err);

# --- Objects of another PostgreSQL are not used ---

my $object = 'extension/advisory_lock.o';
my $other = write_program("$dir/bin/other_config", <<"EOT");
[ "\$1" != --version ] || { echo PostgreSQL 99.1; exit; }
exec '$pg_config' "\$@"
EOT

sub made_at
{
	my @arguments = @_;

	utime 1, 1, "$build/$object";
	make($object, @arguments) or diag($err);
	return (stat "$build/$object")[9];
}

system_or_bail('find', $build, '-exec', 'touch', '-h', '-d', '@0', '{}', '+');
is(made_at(), 1, 'nothing is made twice');
isnt(made_at("PG_CONFIG=$other"), 1, 'an object for another PostgreSQL is made anew');
ok(make('clean'), 'make clean for the first one') or diag($err);
is_deeply([ grep { /\.(o|bc|so|a|pc)$|built-/ } files_under($build) ],
	[], 'leaves nothing of the other');
{
	local $ENV{PG_CONFIG} = $other;
	is((`cd '$build' && make -s -n -p 2>/dev/null` =~ /^PG_CONFIG (?:[:?]?=) (.*)$/m)[0],
		$other, 'PG_CONFIG is heeded in the environment, too');
}

# --- The client alone ---

# Knows libpq and no server.
my $libpq_config = write_program("$dir/bin/libpq_config", <<"EOT");
case \$1 in
--includedir | --libdir) exec '$pg_config' "\$1" ;;
*) echo "there is no server" >&2; exit 1 ;;
esac
EOT
ok(make(qw(-C client withlock/main.o libadvlock/open.o), "PG_CONFIG=$libpq_config"),
	'the client is made by a pg_config that knows libpq only') or diag($err);
is($err, '', 'and asks for nothing else');

SKIP:
{
	skip 'pkg-config does not know libpq', 1 if system('pkg-config --exists libpq 2>/dev/null') != 0;
	local $ENV{PATH} = "$dir/without:$ENV{PATH}";
	mkdir "$dir/without" or die "could not make $dir/without: $!";
	write_program("$dir/without/pg_config", 'exit 1');
	ok(make('-C', 'client', 'install', "prefix=$dir/prefix"),
		'or by pkg-config alone, under another prefix') or diag($err);
}
make('-C', 'client', 'install', "prefix=$dir/prefix") unless -d "$dir/prefix";
is_deeply([ files_under("$dir/prefix") ], [ map { s{^/usr/local}{}r } @client ], 'the client alone');
my $nothing = write_program("$dir/bin/no_config", 'echo /nowhere');
ok(!make('-C', 'client', "PG_CONFIG=$nothing"), 'without the headers of libpq it is not made');
like($err, qr/libpq-fe\.h was not found: install/, 'and that is said');
ok(!make("PG_CONFIG=$nothing"), 'nor is the extension without a server');
like($err, qr/does not know a server to build for/, 'and that is said');

# --- It works from there ---

SKIP:
{
	my $missing = missing_program('pkg-config') // missing_program('gcc');
	skip "$missing is not installed", 2 if $missing;
	local $ENV{PKG_CONFIG_PATH} = "$dir/prefix/lib/pkgconfig";
	chomp(my $flags = `pkg-config --cflags --libs advlock 2>&1`);
	like($flags, qr{-I\Q$dir\E/prefix/include.*-L\Q$dir\E/prefix/lib -ladvlock}, 'flags of advlock.pc');
	skip 'pkg-config does not know libpq', 1 if $? != 0;
	append_to_file("$dir/use.c", <<'EOT');
#include <advlock.h>
int main(void) { return advlock_open("port=x") == 0; }
EOT
	system_or_bail("gcc '$dir/use.c' $flags -Wl,-rpath,'$dir/prefix/lib' -o '$dir/use'");
	is(system("$dir/use"), 0, 'a program that was made with them runs');
}

like(`'$dir/prefix/bin/withlock' --version`, qr/\Q$version\E/, 'withlock runs');
SKIP:
{
	skip 'man is not installed', 1 if missing_program('man');
	local $ENV{PATH} = "$dir/prefix/bin:$ENV{PATH}";
	delete local $ENV{MANPATH};
	is(`man -w withlock`, "$dir/prefix/share/man/man1/withlock.1\n", 'man finds its manual by PATH');
}

ok(make('-C', 'client', 'uninstall', "prefix=$dir/prefix"), 'make uninstall of the client') or diag($err);
is_deeply([ files_under("$dir/prefix") ], [], 'removes all of it');

done_testing();
