# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::Namespace - runs a test in namespaces of its own

=head1 SYNOPSIS

  AdvisoryLock::Namespace::enter(
	what => 'network namespaces',
	unshare => [qw(--net)],
	setup => 'ip link set lo up');

=head1 DESCRIPTION

Starts the test again in a user and mount namespace of its own, and in others
that are asked for, where it has the privileges to set them up and is still the
same ordinary user, so that it can start servers.  setup is a shell command.
Where the system does not allow that, the whole test is skipped.

It is called by modules that have to come first in a test, since
PostgreSQL::Test::Utils redirects the output of a test, and that must not
happen twice.

=cut

package AdvisoryLock::Namespace;

use strict;
use warnings FATAL => 'all';

use Test::More;

sub unshare_command
{
	my (%opts) = @_;

	return (
		qw(unshare --user --map-current-user --keep-caps --mount),
		@{ $opts{unshare} // [] });
}

# Can such namespaces be made, or are we in them already?
sub is_possible
{
	my (%opts) = @_;
	my @enter = unshare_command(%opts);

	return $ENV{ADVISORY_LOCK_NAMESPACE}
	  || system("@enter sh -c '$opts{setup}' >/dev/null 2>&1") == 0;
}

sub enter
{
	my (%opts) = @_;
	my @enter = unshare_command(%opts);

	return if $ENV{ADVISORY_LOCK_NAMESPACE};

	plan skip_all => "$opts{what} cannot be made here" unless is_possible(%opts);

	local $ENV{ADVISORY_LOCK_NAMESPACE} = 1;
	exec @enter, 'sh', '-c', "$opts{setup} && exec \"\$@\"", 'sh',
	  $^X, (map { "-I$_" } @INC), $0, @ARGV
	  or die "could not execute unshare: $!";
}

1;
