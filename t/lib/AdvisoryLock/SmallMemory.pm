# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::SmallMemory - runs a test with a small /dev/shm of its own

=head1 SYNOPSIS

  use AdvisoryLock::SmallMemory;		# before all other modules

  leave_free(300);						# kB
  leave_free();							# all

=head1 DESCRIPTION

See AdvisoryLock::Namespace.  /dev/shm has 64 MB.

=cut

package AdvisoryLock::SmallMemory;

use strict;
use warnings FATAL => 'all';

use AdvisoryLock::Namespace;

my $SIZE_KB = 64 * 1024;
my $FILLER = '/dev/shm/filler';

sub import
{
	no strict 'refs';

	AdvisoryLock::Namespace::enter(
		what => 'mount namespaces',
		setup => "mount -t tmpfs -o mode=1777,size=${SIZE_KB}k tmpfs /dev/shm");
	*{ caller() . '::leave_free' } = \&leave_free;
	return;
}

=pod

=over

=item leave_free(kB)

Fills /dev/shm up to so many kB, or not at all.

=back

=cut

sub leave_free
{
	my ($kb) = @_;

	unlink $FILLER;
	return unless defined $kb;
	my ($free) = (split ' ', (qx(df -k --output=avail /dev/shm))[1]);
	my $fill = $free - $kb;
	system("head -c ${fill}k /dev/zero >$FILLER") == 0
	  or die "could not fill /dev/shm";
	return;
}

1;
