# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Report - the figures of a run, and what was wrong

=cut

package Torture::Report;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

use Torture::History;

our @EXPORT = qw(report);

my $SHOWN = 10;

# The report as text.
sub report
{
	my ($opts, $run, $verdict, $seconds) = @_;
	my $figures = $verdict->{figures};
	my $faults = $figures->{faults} // {};
	my $overlaps = $figures->{overlaps} // {};
	my $sum = 0;

	$sum += $_ foreach values %$faults;
	return join '',
	  "seed $opts->{seed}, $seconds s, ", ($opts->{registry} ? 'with' : 'without'), " preloading\n",
	  "faults: $sum of ", scalar(keys %$faults), ' kinds: ', join(', ', map { "$_ $faults->{$_}" } sort keys %$faults), "\n",
	  "acquisitions: $figures->{acquisitions}; seen in a queue: ", $figures->{queued} // 0,
	  '; lost to faults: ', $figures->{losses} // 0, '; fenced writes: ', $run->{stored} // 0, "\n",
	  'crashes of the server within 300 ms of an acquire: ', $figures->{soon} // 0, "\n",
	  'statements canceled with the lock already had: ', $figures->{late_errors} // 0, "\n",
	  'the machine was late by at most ', seconds($figures->{late}), ' s; bounds that were kept only by that: ', $figures->{stretched} // 0, "\n",
	  'locks and places of machines that were gone: ', $figures->{cut_off} // 0, "\n",
	  'exit statuses of withlock: ', join(', ', map { "$_ $figures->{exits}{$_}" } sort keys %{ $figures->{exits} // {} }), "\n",
	  (map { "two at work at once after $_: $overlaps->{$_}{count}, the longest " . seconds($overlaps->{$_}{longest}) . " s\n" }
		  sort keys %$overlaps),
	  (map { "SKIPPED $_: $run->{skipped}{$_}\n" } sort keys %{ $run->{skipped} }),
	  complaints(@{ $verdict->{violations} });
}

sub complaints
{
	my (@violations) = @_;
	my %count;

	$count{ $_->{property} }++ foreach @violations;
	return join '', 'violations: ', scalar(@violations), (map { " $_=$count{$_}" } sort keys %count), "\n",
	  map { "  $_->{property} at " . seconds($_->{from}) . " ($_->{name}): $_->{text}\n" }
	  grep { defined } @violations[ 0 .. $SHOWN - 1 ];
}

1;
