# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

Rooms - which file needs which, and whether that goes downwards only

=head1 SYNOPSIS

  my @problems = Rooms::includes_upwards('extension');
  my $uses = Rooms::uses_by_symbols('extension');	# needs built objects
  my @more = (Rooms::arrows_upwards('extension', $uses), Rooms::circles($uses));

=head1 DESCRIPTION

Each folder of a house is a room, and a file may need what is in its own room
or in one below.  Includes tell a part of it; a declaration can come from
anywhere, so the symbols of the built objects tell the rest.  Files are called
by their path in the project without the suffix, so a header is one with its
source file.

=cut

package Rooms;

use strict;
use warnings FATAL => 'all';

# From the top.  A file that is in no room, such as the one that a server loads
# first, stands above all.
my %rooms = (
	extension => [qw(functions locking tokens registry base)],
	client => [qw(tests examples withlock libadvlock common)]);

sub houses { return sort keys %rooms }

sub c_files
{
	my ($house) = @_;

	return sort map { glob("$house/$_") } qw(*.[ch] */*.[ch]);
}

# How far below the top a file stands.
sub depth
{
	my ($house, $file) = @_;
	my $rooms = $rooms{$house};

	foreach my $i (0 .. $#$rooms)
	{
		return $i + 1 if $file =~ m{^\Q$house/$rooms->[$i]\E/};
	}
	return 0;
}

sub is_upwards
{
	my ($house, $from, $to) = @_;

	return depth($house, $to) < depth($house, $from);
}

sub without_suffix
{
	my ($file) = @_;

	return $file =~ s/\.\w+$//r;
}

# The included files of a house, each as [line, path as it is written].
sub includes_of
{
	my ($file) = @_;
	my @includes;

	open my $handle, '<', $file or die "could not open $file: $!";
	while (my $line = <$handle>)
	{
		push @includes, [ $., $1 ] if $line =~ /^\s*#\s*include\s+"([^"]+)"/;
	}
	return @includes;
}

# Includes that go upwards, or that do not say to which room they go.
sub includes_upwards
{
	my ($house) = @_;
	my @found;

	foreach my $file (c_files($house))
	{
		my ($folder) = $file =~ m{^(.*)/};
		foreach my $include (includes_of($file))
		{
			my ($line, $path) = @$include;
			push @found, "$file:$line: \"$path\" without its room"
			  if $path !~ m{/} && $folder !~ m{/tests$} && -e "$folder/$path";
			push @found, "$file:$line: \"$path\" is above"
			  if -e "$house/$path" && is_upwards($house, $file, "$house/$path");
		}
	}
	return @found;
}

# The rooms whose files have to have been built, so not tests and examples.
sub sources_without_object
{
	my ($house) = @_;

	return grep { !-e without_suffix($_) . '.o' }
	  grep { /\.c$/ && !m{/(?:tests|examples)/} } c_files($house);
}

# The global symbols of objects that nm gives by the option, as [file, symbol].
sub symbols
{
	my ($option, @objects) = @_;
	my @lines = qx(nm -A -g $option @objects);

	die "nm could not read the objects\n" if $?;
	return map { /^(.*?)\.o:.*?(\S+)$/ ? [ $1, $2 ] : () } @lines;
}

# {file => {file that it needs => [symbols]}}, by what the objects say.
sub uses_by_symbols
{
	my ($house) = @_;
	my @objects = grep { -e } map { /\.c$/ ? without_suffix($_) . '.o' : () } c_files($house);
	my (%home, %uses);

	return {} unless @objects;
	foreach my $defined (symbols('--defined-only', @objects))
	{
		$home{ $defined->[1] } = $defined->[0];
	}
	foreach my $used (symbols('-u', @objects))
	{
		my ($file, $symbol) = @$used;
		push @{ $uses{$file}{ $home{$symbol} } }, $symbol if exists $home{$symbol};
	}
	return \%uses;
}

sub arrows_upwards
{
	my ($house, $uses) = @_;
	my @found;

	foreach my $from (sort keys %$uses)
	{
		foreach my $to (sort keys %{ $uses->{$from} })
		{
			push @found, "$from calls $to, which is above: @{ $uses->{$from}{$to} }"
			  if is_upwards($house, $from, $to);
		}
	}
	return @found;
}

# All that a file needs, by however many steps.
sub reachable
{
	my ($uses, $file) = @_;
	my %seen;
	my @ahead = ($file);

	while (defined(my $at = shift @ahead))
	{
		push @ahead, grep { !$seen{$_}++ } keys %{ $uses->{$at} // {} };
	}
	return \%seen;
}

# The sets of files that need each other, each as one line.
sub circles
{
	my ($uses) = @_;
	my %reachable = map { $_ => reachable($uses, $_) } keys %$uses;
	my (%done, @found);

	foreach my $file (sort keys %reachable)
	{
		next if $done{$file};
		my @circle = grep { $reachable{$file}{$_} && $reachable{$_}{$file} } sort keys %reachable;
		$done{$_} = 1 foreach @circle;
		push @found, scalar(@circle) . " files: @circle" if @circle > 1;
	}
	return @found;
}

1;
