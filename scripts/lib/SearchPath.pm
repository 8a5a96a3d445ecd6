# Copyright (c) 2026 the advisory_lock authors

=pod

=head1 NAME

SearchPath - what SQL in C sources leaves to the search_path

=head1 SYNOPSIS

  my @problems = SearchPath::problems($text_of_a_c_file);

=head1 DESCRIPTION

A superuser may run a statement in somebody else's database, whose owner
chooses the search_path.  So all that is looked up in it must be named with its
schema: operators by OPERATOR(), or macros for that, and functions, types and
relations.  What the grammar makes of a word needs no name, unless it is an
operator: IN, LIKE, BETWEEN, USING of a join and so on are looked up.

This reads the strings of a C file, those that follow each other as one, and
takes for SQL what has words of SQL in capitals.  It knows no more of the
grammar than it has to.

=cut

package SearchPath;

use strict;
use warnings FATAL => 'all';

# These are followed by a parenthesis, and are no functions
my $GRAMMAR = qr/(?:AND|AS|BY|CASE|CAST|COALESCE|CONFLICT|DISTINCT|EXISTS|FILTER|FROM|GREATEST|IN|
	LATERAL|LEAST|NOT|NULLIF|ON|OPERATOR|OR|OVER|SELECT|THEN|UNION|USING|VALUES|WHEN|WHERE|WITH|
	ARRAY|ALL|ANY|ROW|DEFAULT|MATERIALIZED|ELSE|INTO|RETURNING|KEY|CHECK)/x;

# Strings that stand in a row in the text, each row as one.  What stands
# between two, a macro say, becomes a space: it is checked where it is defined.
sub strings
{
	my ($text) = @_;
	my $string = qr/"((?:[^"\\\n]|\\.)*)"/;
	my @rows;

	$text =~ s{/\*.*?\*/}{}sg;
	$text =~ s{^\#include.*}{}mg;
	$text =~ s{'(?:"|\\.)'}{' '}g;
	$text =~ s{\bADVL_(?:EQ\b|O[PR]\b(?:\("[^"]*"\))?)}{" OPERATOR(pg_catalog.=) "}g;	# client/common/keys.h
	while ($text =~ m{($string(?:(?:[\s\\]|\w+(?:\([^()]*\))?)*?$string)*)}g)
	{
		push @rows, join ' ', map { s/\\n|\\t/ /gr } $1 =~ /$string/g;
	}
	return @rows;
}

sub is_sql
{
	my ($string) = @_;

	return $string =~ /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CALL)\s
		|\b(?:WHERE|FROM|JOIN|AND|CASE|EXISTS|CAST|OPERATOR)\s*\(?[\w\$'(]*/x
	  && $string !~ /^\s*(?:FROM|AND|CASE)\s*$/;
}

# What is left of a statement when that is taken away which is named in full, or
# looked up nowhere.
sub reduced
{
	my ($sql) = @_;

	$sql =~ s/'(?:[^']|'')*'/ 0 /g;						# literals
	$sql =~ s/OPERATOR\(pg_catalog\.[^()]*\)(?:\s*(?:ANY|ALL)\b)?/ /g;
	$sql =~ s/\b(?:pg_catalog|advisory_lock)\.\w+/ qualified /g;
	$sql =~ s/\bcount\(\*\)/count(0)/g;
	$sql =~ s/\b(\w+\.)?\*/0/g;							# all columns
	$sql =~ s/\(\s*\*\s*\)/(0)/g;
	1 while $sql =~ s/(\bSET\s[^=]*|\bSET\s.*,\s*\w+\s*)=(?!>)/$1 /;	# assignments
	$sql =~ s/=>/ /g;									# named arguments
	$sql =~ s/\bDO (?:UPDATE|NOTHING)/ /g;
	$sql =~ s/::\s*qualified/ /g;
	return $sql;
}

=pod

=over

=item problems(text)

A line for each thing that is left to the search_path.

=back

=cut

sub problems
{
	my ($text) = @_;
	my %local = map { $_ => 1 } $text =~ /\b(\w+) AS (?:MATERIALIZED )?\(/g;	# WITH
	my @problems;

	foreach my $sql (grep { is_sql($_) } strings($text))
	{
		my $rest = reduced($sql);
		my ($shown) = $sql =~ /^\s*(.{0,60})/;

		push @problems, "operator $1 in: $shown" while $rest =~ m{\s([-+*/<>=~!@\#%^&|?]+)(?=[\s(\$])}g;
		push @problems, "operator $1 in: $shown" while $rest =~ m{\w\s?([<>=|]+)\s?[\w\$'(]}g;
		push @problems, "$1 in: $shown"
		  while $rest =~ /\b(IN|I?LIKE|BETWEEN|SIMILAR|NATURAL|IS (?:NOT )?DISTINCT|(?:ANY|ALL)(?=\s*\()|USING(?=\s*\())(?!\w)/g;
		push @problems, "CASE with a value in: $shown" if $rest =~ /\bCASE\s+(?!WHEN)\w/;
		push @problems, "function $2 in: $shown"
		  while $rest =~ /(?<!\bAS )(?<!\bINTO )(?<![.\w])(\s*)(?!$GRAMMAR\b|qualified)([a-z_]\w*)\s?\((?=.)/g;
		push @problems, "type $1 in: $shown" while $rest =~ /(?:::\s*|\bAS\s+(?=[a-z_]+\)))(?!qualified)([a-z_]\w*)(?=\W|$)(?!\s*\()/g;
		push @problems, map { "relation $_ in: $shown" } grep { !$local{$_} }
		  $rest =~ /\b(?:FROM|JOIN|INTO|UPDATE)\s+(?!qualified|SELECT|LATERAL|SET)([a-z_]{3,}\w*)\b(?!\s*\.)/g;
	}
	return @problems;
}

1;
