# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::PrivateNetwork - runs a test in a network of its own

=head1 SYNOPSIS

  use AdvisoryLock::PrivateNetwork;		# before all other modules

=head1 DESCRIPTION

Starts the test again in a user, mount and network namespace of its own, where
it may make interfaces and further namespaces, and is still the same ordinary
user, so that it can start servers.  The loopback interface is up.  Where the
system does not allow that, the whole test is skipped.

It has to come first: PostgreSQL::Test::Utils redirects the output of a test,
and that must not happen twice.

=cut

package AdvisoryLock::PrivateNetwork;

use strict;
use warnings FATAL => 'all';

use Test::More;

my @enter = qw(unshare --user --map-current-user --keep-caps --mount --net);
my $loopback = 'ip link set lo up';

sub import
{
	return if $ENV{ADVISORY_LOCK_PRIVATE_NETWORK};

	plan skip_all => 'network namespaces cannot be made here'
	  unless system("@enter $loopback >/dev/null 2>&1") == 0;

	local $ENV{ADVISORY_LOCK_PRIVATE_NETWORK} = 1;
	exec @enter, 'sh', '-c', "$loopback && exec \"\$@\"", 'sh',
	  $^X, (map { "-I$_" } @INC), $0, @ARGV
	  or die "could not execute unshare: $!";
}

1;
