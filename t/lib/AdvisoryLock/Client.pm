# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Client - compile programs against the installed libadvlock

=head1 SYNOPSIS

  use AdvisoryLock::Client;

  plan skip_all => $_ for grep { defined } cannot_compile();
  compile("$dir/report", ['client/examples/report.c'], @shared_library);

=cut

package AdvisoryLock::Client;

use strict;
use warnings FATAL => 'all';

use Carp;
use Exporter 'import';

use AdvisoryLock;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(cannot_compile compile library_tests passes pg_config
  test_sources @compiler_flags @shared_library @static_library);

=pod

=head1 FUNCTIONS

=over

=item pg_config(option)

What pg_config of the server under test answers.

=cut

sub pg_config
{
	my ($option) = @_;

	chomp(my $value = `pg_config $option`);
	return $value;
}

our @compiler_flags = (
	qw(-std=gnu99 -D_GNU_SOURCE -Iclient -g -O1 -Wall -Wextra -Werror),
	'-I' . pg_config('--includedir'));

my $libdir = pg_config('--libdir');
our @shared_library =
  ("-L$libdir", "-Wl,-rpath,$libdir", '-ladvlock', '-lpq');
our @static_library = ("$libdir/libadvlock.a", "-L$libdir", '-lpq');

=pod

=item cannot_compile()

The reason why programs cannot be compiled here, or undef.

=cut

sub cannot_compile
{
	my $missing = missing_program('cc');

	return "$missing is not installed" if $missing;
	return 'libadvlock is not installed'
	  unless -e pg_config('--includedir') . '/advlock.h';
	return;
}

=pod

=item compile(program, sources, flags...)

Compiles and links, and dies with the compiler's words when that fails.  The
libraries are flags.

=cut

sub compile
{
	my ($program, $sources, @flags) = @_;

	my @command = ('cc', @compiler_flags, @$sources, @flags, '-o', $program);
	my $output = '';
	IPC::Run::run(\@command, '<', \undef, '>&', \$output)
	  or croak "@command failed:\n$output";
	return;
}

=pod

=item library_tests(program, places...)

Names of the tests of client/tests/advlock_test that make sense in any of the
places: any, extension, plain, pooler, standby, tcp, stub,
cockroach, traps, fake, spoiled.

=cut

sub library_tests
{
	my ($program, @places) = @_;
	my @names;

	foreach my $line (split /\n/, `'$program' list`)
	{
		my ($name, $where) = split / /, $line;
		push @names, $name if grep { $_ eq $where } @places;
	}
	croak "$program lists no tests for @places" unless @names;
	return @names;
}

=pod

=item test_sources()

The source files of client/tests/advlock_test.

=cut

sub test_sources
{
	return [ grep { !m{/(test_memory|walk)\.c$} } glob('client/tests/*.c') ];
}

=pod

=item passes(name, command...)

A test that passes if the command ends with 0 and writes nothing.

=cut

sub passes
{
	my ($name, @command) = @_;

	my $output = '';
	IPC::Run::run(
		\@command, '<', \undef, '>&', \$output,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default * 4));
	my $status = $?;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status == 0 && $output eq '', $name)
	  or diag("@command\nwait status $status\n$output");
	return;
}

=pod

=back

=cut

1;
