# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Torture::Picture - who held a lock when, as SVG

=head1 DESCRIPTION

C<draw(file, history, violations)> shows the time around each of the first few
violations: a row a worker, a bar a hold, dark as far as the server confirmed
it; faults as vertical lines; in red, what is wrong.

=cut

package Torture::Picture;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use List::Util qw(max min uniq);

our @EXPORT = qw(draw);

my $AT_MOST = 6;
my $AROUND = 0.1e9;
my ($WIDTH, $LEFT, $ROW) = (1200, 240, 16);

sub draw
{
	my ($file, $history, $violations) = @_;
	my @shown = grep { defined } @$violations[ 0 .. min($#$violations, $AT_MOST - 1) ];
	my ($y, $body) = (10, '');

	foreach my $violation (@shown)
	{
		my ($svg, $height) = panel($history, $violation, $y);
		$body .= $svg;
		$y += $height;
	}
	open my $handle, '>', $file or die "$file: $!\n";
	print $handle qq{<svg xmlns="http://www.w3.org/2000/svg" width="$WIDTH" height="$y" font-family="monospace" font-size="11">\n},
	  qq{<rect width="100%" height="100%" fill="white"/>\n$body</svg>\n};
	close $handle;
	return;
}

sub panel
{
	my ($history, $violation, $y) = @_;
	my ($from, $to) = ($violation->{from} - $AROUND, $violation->{to} + $AROUND);
	my $x = sub { return sprintf '%.1f', $LEFT + ($WIDTH - $LEFT - 10) * (max($from, min($to, $_[0])) - $from) / ($to - $from) };
	my @ops = grep { defined $_->{held} && $_->{held} < $to && max($_->{end}, $_->{certain} // 0) > $from
		  && ($violation->{name} eq '-' || $_->{name} eq $violation->{name}) } @{ $history->{ops} };
	my @who = uniq map { $_->{who} } @ops;
	my $bottom = $y + 20 + $ROW * @who;
	my %row = map { $who[$_] => $y + 20 + $ROW * $_ } 0 .. $#who;
	my $svg = sprintf qq{<text x="5" y="%d" fill="#b00">%s %s: %s</text>\n}, $y + 12, map { escaped($_) } @$violation{qw(property name text)};

	$svg .= sprintf qq{<rect x="%s" y="%d" width="%.1f" height="%d" fill="#fdd"/>\n}, $x->($violation->{from}), $y + 18,
	  max(2, $x->($violation->{to}) - $x->($violation->{from})), $bottom - $y - 18;
	foreach my $fault (grep { $_->{begin} < $to && $_->{end} > $from } @{ $history->{faults} })
	{
		$svg .= sprintf qq{<line x1="%s" x2="%1\$s" y1="%d" y2="%d" stroke="#c80"/><text x="%1\$s" y="%3\$d" fill="#c80">%s</text>\n},
		  $x->($fault->{begin}), $y + 18, $bottom + 10, escaped($fault->{kind});
	}
	$svg .= sprintf qq{<text x="5" y="%d">%s</text>\n}, $row{$_} + 11, escaped($_) foreach @who;
	$svg .= bar($_, $x, $row{ $_->{who} }) foreach @ops;
	return ($svg, $bottom - $y + 30);
}

sub bar
{
	my ($op, $x, $y) = @_;
	my $svg = sprintf qq{<rect x="%s" y="%d" width="%.1f" height="10" fill="#9bd"><title>%s</title></rect>\n}, $x->($op->{held}), $y + 2,
	  max(1, $x->($op->{end}) - $x->($op->{held})), escaped("$op->{id} token " . ($op->{token} // '-') . ' ' . ($op->{outcome} // ''));

	$svg .= sprintf qq{<rect x="%s" y="%d" width="%.1f" height="10" fill="#257"/>\n}, $x->($op->{held}), $y + 2,
	  max(1, $x->($op->{certain}) - $x->($op->{held})) if $op->{certain};
	return $svg;
}

sub escaped
{
	my ($text) = @_;

	$text =~ s/&/&amp;/g;
	$text =~ s/</&lt;/g;
	return $text;
}

1;
