# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Model - a lock as a mutex with an owner and a last token

=head1 DESCRIPTION

C<misfits(ops)> returns those acquires of one lock that cannot be: there has to be an
order of all acquires and releases, each at some moment between question and
answer, in which every grant finds no owner and a lower token.  Tokens leave one
order only, so the earliest moments that are possible decide, and no search is
needed.  It is a second opinion on what Torture::Checker finds by pairs.

=cut

package Torture::Model;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use List::Util qw(max min);

our @EXPORT = qw(misfits);

sub misfits
{
	my (@ops) = @_;
	my @misfits;
	my $now = 0;

	foreach my $op (sort { $a->{token} <=> $b->{token} } @ops)
	{
		$now = max($now, $op->{invoke} // 0);
		push @misfits, $op if $now > $op->{held};
		# who was not heard of again may have lost it at any time
		$now = max(min($now, $op->{held}), $op->{certain} // 0);
	}
	return @misfits;
}

1;
