# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

AdvisoryLock::SmallMemory - runs a test with a small /dev/shm of its own

=head1 SYNOPSIS

  use AdvisoryLock::SmallMemory;		# before all other modules

  leave_free(300);						# kB
  leave_free();							# all

=head1 DESCRIPTION

See AdvisoryLock::Namespace.  /dev/shm has 64 MB.  Where no namespace can be
made, in a changed root say, the servers get a library preloaded that lets them
find no room there, see small_memory.c; what they free is then not free again.

=cut

package AdvisoryLock::SmallMemory;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Temp;

use AdvisoryLock::Namespace;

my $SIZE_KB = 64 * 1024;
my $FILLER = '/dev/shm/filler';

# The preloaded library, and where it reads how much is left
my ($library, $left);

sub import
{
	no strict 'refs';

	my %namespace = (
		what => 'mount namespaces',
		setup => "mount -t tmpfs -o mode=1777,size=${SIZE_KB}k tmpfs /dev/shm");

	if (AdvisoryLock::Namespace::is_possible(%namespace))
	{
		AdvisoryLock::Namespace::enter(%namespace);
	}
	else
	{
		preload_library();
	}
	*{ caller() . '::leave_free' } = \&leave_free;
	return;
}

# Into all servers that are started from now on.
sub preload_library
{
	my $source = dirname(__FILE__) . '/../small_memory.c';

	$library = File::Temp->new(SUFFIX => '.so');
	$left = File::Temp->new;
	leave_free();
	system($ENV{CC} // 'cc', '-O', '-shared', '-fPIC', '-o', "$library", $source, '-ldl') == 0
	  or die 'could not build a library';
	$ENV{SMALL_MEMORY} = "$left";
	$ENV{LD_PRELOAD} = "$library";
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

	return write_left($kb // $SIZE_KB) if $left;
	unlink $FILLER;
	return unless defined $kb;
	my ($free) = (split ' ', (qx(df -k --output=avail /dev/shm))[1]);
	my $fill = $free - $kb;
	system("head -c ${fill}k /dev/zero >$FILLER") == 0
	  or die "could not fill /dev/shm";
	return;
}

# In place: it is mapped.
sub write_left
{
	my ($kb) = @_;

	seek $left, 0, 0;
	syswrite $left, pack('q', $kb * 1024);
	return;
}

1;
