# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::PrivateNetwork - runs a test in a network of its own

=head1 SYNOPSIS

  use AdvisoryLock::PrivateNetwork;		# before all other modules

=head1 DESCRIPTION

See AdvisoryLock::Namespace.  The test may make interfaces and further
namespaces; the loopback interface is up.

=cut

package AdvisoryLock::PrivateNetwork;

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::Namespace;

sub import
{
	AdvisoryLock::Namespace::enter(
		what => 'network namespaces',
		unshare => ['--net'],
		setup => 'ip link set lo up');
	return;
}

1;
