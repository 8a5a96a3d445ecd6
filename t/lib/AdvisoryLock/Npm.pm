# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Npm - packages of the npm registry

=head1 SYNOPSIS

  use AdvisoryLock::Npm;

  my $directory = npm_packages('kysely@0.28.8');
  my ($success, $said) = run_in($directory, 'node', 'program.mjs');

=cut

package AdvisoryLock::Npm;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

our @EXPORT = qw(npm_packages run_in);

=pod

=head1 FUNCTIONS

=over

=item npm_packages(package...)

Installs them, each as NAME@VERSION, into a directory of their own, which it
returns.  Skips the test file where npm or its registry cannot be had.

=cut

sub npm_packages
{
	my (@packages) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();

	my $missing = missing_program('node', 'npm');
	plan skip_all => "$missing is not installed" if $missing;
	my ($installed, $said) = run_in($directory,
		'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', @packages);
	plan skip_all => 'the npm registry cannot be reached'
	  if !$installed && $said =~ /\b(?:E[A-Z]*(?:NOTFOUND|AGAIN|CONN\w+|TIMEDOUT|UNREACH))\b/;
	ok($installed, "npm installs @packages") or BAIL_OUT($said);
	return $directory;
}

=pod

=item run_in(directory, command...)

Runs a command in a directory; returns success, and all that it says.

=cut

sub run_in
{
	my ($directory, @command) = @_;
	my $said = '';

	my $success = IPC::Run::run(\@command, '<', \undef, '>&', \$said,
		init => sub { chdir $directory or die "could not change directory: $!" });
	return ($success, $said);
}

=pod

=back

=cut

1;
