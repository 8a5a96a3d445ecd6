# Copyright (c) 2026 the advisory_lock authors
#
# Every block of README and of doc/ that can be run here is run, and every
# link inside of them leads somewhere.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;
use AdvisoryLock::Document;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE ROLE postgres LOGIN SUPERUSER')
  if $node->safe_psql('postgres', 'SELECT current_user') ne 'postgres';
my @files = ('README.md', glob('doc/*.md doc/*/*.md'));

foreach my $file (@files)
{
	AdvisoryLock::Document->new($file, $node)
	  ->run('host=db.example' => 'host=' . $node->host . ' port=' . $node->port);
}

# What GitHub makes of a heading when it is the target of a link.
sub anchors
{
	my ($file) = @_;

	return map { lc(s/[^\w\s-]//gr) =~ s/\s/-/gr } slurp_file($file) =~ /^#+ (.*)$/mg;
}

my %linked;
foreach my $file (@files)
{
	my $text = slurp_file($file) =~ s/^```.*?^```$//msgr;

	while ($text =~ /\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)/g)
	{
		my ($target, $anchor) = ($1 eq '' ? $file : dirname($file) . "/$1", $2);

		1 while $target =~ s{(^|/)[^/.]+/\.\./}{$1};
		$target =~ s{^\./}{};
		$linked{$target} = 1;
		ok(-e $target, "$file: $target is there");
		ok((grep { $_ eq $anchor } anchors($target)), "$file: $target has #$anchor") if $anchor;
	}
}
is(join(' ', grep { !$linked{$_} } @files), '', 'every document is linked');

done_testing();
