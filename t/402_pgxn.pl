# Copyright (c) 2026 the advisory_lock authors
#
# META.json by the rules of PGXN's specification 1.0.0.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my @licenses = qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd
  gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0
  mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source
  restricted unrestricted unknown);

# What a value is: a pattern, a list of such, or a map.  In a map, "*" stands
# for any other key, "!" before a key for one that has to be there, and "key"
# is what the others have to look like.
my $string = qr/\A.+\z/s;
my $term = qr{\A[^[:space:][:cntrl:]/\\]{2,}\z};
my $url = qr{\A\w[\w+.-]*://[^/?#]};
my $number = qr/(?:0|[1-9]\d*)/;
my $version = qr/\A$number\.$number\.$number(?:-?[A-Za-z][-0-9A-Za-z]*)?\z/;
my $versions = qr/\A\s*(?:(?:[<>]=?|==|!=)?\s*(?:0|$number\.$number\.$number)\s*(?:,|\z))+\s*\z/;
my $custom = { key => qr/\Ax_/i, '*' => undef };
my $license = qr/\A(?:@{[ join '|', @licenses ]})\z/;
my $spec = {
	%$custom,
	'!abstract' => $string,
	'!maintainer' => [$string],
	'!license' => [$license],
	'!name' => $term,
	'!version' => $version,
	'!meta-spec' => { %$custom, '!version' => qr/\A1\.0\.0\z/, url => $url },
	'!provides' => {
		key => $term,
		'*' => {
			%$custom,
			'!file' => $string,
			'!version' => $version,
			abstract => $string,
			docfile => $string
		}
	},
	generated_by => $string,
	release_status => qr/\A(?:(?:un)?stable|testing)\z/,
	description => $string,
	tags => [qr{\A[^[:cntrl:]/\\]{1,256}\z}],
	no_index => { %$custom, file => [$string], directory => [$string] },
	prereqs => {
		key => qr/\A(?:configure|build|test|runtime|develop)\z/,
		'*' => {
			key => qr/\A(?:requires|recommends|suggests|conflicts)\z/,
			'*' => { key => $term, '*' => $versions }
		}
	},
	resources => {
		%$custom,
		license => [$url],
		homepage => $url,
		bugtracker => { %$custom, web => $url, mailto => qr/@/ },
		repository => { %$custom, web => $url, url => $url, type => qr/\A[^[:upper:]]+\z/ }
	}
};

# Returns what is wrong with the value.
sub problems
{
	my ($where, $rule, $value) = @_;

	return () unless defined $rule;
	return map_problems($where, $rule, $value) if ref $rule eq 'HASH';
	return map { problems($where, $rule->[0], $_) } ref $value eq 'ARRAY' ? @$value : $value
	  if ref $rule eq 'ARRAY';
	return () if defined $value && !ref $value && $value =~ $rule;
	return "$where is wrong";
}

sub map_problems
{
	my ($where, $rule, $map) = @_;

	return "$where is not a map" unless ref $map eq 'HASH';
	my @problems =
	  map { /^!(.*)/ && !defined $map->{$1} ? "$where/$1 is missing" : () } sort keys %$rule;
	foreach my $key (sort keys %$map)
	{
		my ($known) = grep { exists $rule->{$_} } $key, "!$key";
		push @problems, problems("$where: $key", $rule->{key}, $key) unless $known;
		push @problems, "$where/$key is unknown" unless $known || exists $rule->{'*'};
		push @problems, problems("$where/$key", $rule->{ $known // '*' }, $map->{$key});
	}
	return @problems;
}

my $text = slurp_file('META.json');
my $meta = decode_json($text);
is_deeply([ problems('', $spec, $meta) ], [], 'META.json is valid');

foreach my $provided (values %{ $meta->{provides} })
{
	ok(-f $provided->{$_}, "$provided->{$_} exists") foreach qw(file docfile);
}

# The rules can be broken.
my %broken = (
	'a required field' => sub { delete $_[0]{abstract} },
	'a field of a nested map' => sub { delete $_[0]{provides}{advisory_lock}{file} },
	'a version of two parts' => sub { $_[0]{version} = '1.0' },
	'an unknown license' => sub { $_[0]{license} = 'beer' },
	'an unknown field' => sub { $_[0]{author} = 'me' },
	'a tag with a slash' => sub { push @{ $_[0]{tags} }, 'a/b' },
	'a prerequisite without three parts' =>
	  sub { $_[0]{prereqs}{runtime}{requires}{PostgreSQL} = '15' },
	'an unknown phase' => sub { $_[0]{prereqs}{later} = {} },
	'a status' => sub { $_[0]{release_status} = 'ready' });
foreach my $what (sort keys %broken)
{
	my $copy = decode_json($text);
	$broken{$what}->($copy);
	my @found = problems('', $spec, $copy);
	is(@found, 1, "$what is noticed");
}

done_testing();
