# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Queue - first come, first served

=head1 DESCRIPTION

C<note_waiting(ops, samples, names)> writes down, from what was seen of the lock
table, since when each of the ops has waited at least.  C<overtakers(ops)> are those
of one lock that waited and were overtaken by who asked later, as pairs: who was
served first, and who had waited.

What it takes grows as the history does, which may be of a hundred thousand ops.

=cut

package Torture::Queue;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(note_waiting overtakers);

# Ops and samples come in the order of time: what was granted before a sample
# is of no more use.
sub note_waiting
{
	my ($ops, $samples, $names) = @_;
	my %of_session;

	foreach my $op (grep { $_->{token} && $_->{invoke} && $_->{name} eq ($_->{asked} // '') } @$ops)
	{
		push @{ $of_session{"$op->{backend} $op->{name}"} }, $op;
	}
	foreach my $sample (@$samples)
	{
		foreach my $key (grep { defined $names->{$_} } keys %{ $sample->{locks} })
		{
			foreach my $lock (grep { $_->[1] eq 'w' } @{ $sample->{locks}{$key} })
			{
				my $coming = $of_session{"$lock->[0] $names->{$key}"} // next;
				shift @$coming while @$coming && $coming->[0]{held} <= $sample->{at};
				$coming->[0]{waits_since} //= $sample->{at}
				  if @$coming && $coming->[0]{invoke} < $sample->{asked};
			}
		}
	}
	return;
}

sub overtakers
{
	my (@ops) = @_;
	my @pairs;
	my $late;	# of those with a lower token, who asked last

	foreach my $op (sort { $a->{token} <=> $b->{token} } grep { $_->{token} } @ops)
	{
		push @pairs, [ $late, $op ] if $late && $op->{waits_since} && $late->{invoke} > $op->{waits_since};
		$late = $op if ($op->{invoke} // 0) > ($late ? $late->{invoke} : 0);
	}
	return @pairs;
}

1;
