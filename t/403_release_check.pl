# Copyright (c) 2026 the advisory_lock authors
#
# scripts/release-check says whether a release can be made: it is content with
# a tree that is ready, and notices what is not.

use strict;
use warnings FATAL => 'all';

use File::Path qw(remove_tree);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $tree = PostgreSQL::Test::Utils::tempdir . '/tree';
my $node = start_node('main');
my $conninfo = conninfo($node);
my ($version) = slurp_file('advisory_lock.control') =~ /^default_version = '(.*)'/m;

# Whether the reference is complete is another test's to say.
my $members = $node->safe_psql('postgres', q{
	SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'advisory_lock')});

sub change
{
	my ($file, $from, $to) = @_;

	my $text = slurp_file("$tree/$file");
	$text =~ s/$from/$to/ or die "$file does not have $from";
	unlink "$tree/$file";
	append_to_file("$tree/$file", $text);
	return;
}

# A copy that is ready.
sub fresh_tree
{
	remove_tree($tree);
	mkdir $tree or die "could not make $tree: $!";
	system_or_bail('cp', '-R', grep({ !/^(tmp_check|t)$/ } glob('*')), $tree);
	append_to_file("$tree/doc/everything.md", $members);
	change('CHANGELOG.md', qr/^## .*$/m, "## $version (2026-01-31)");
	return;
}

sub release_check
{
	my ($out, $err);

	my $ok = IPC::Run::run([ "$tree/scripts/release-check", 'psql', '-d', $conninfo ],
		'<', \undef, '>', \$out, '2>', \$err);
	return $ok ? '' : $out . $err;
}

fresh_tree();
is(release_check(), '', 'a tree that is ready');

my @mistakes = (
	[ 'CHANGELOG.md', qr/\(2026-01-31\)/, '(unreleased)' ],
	[ 'META.json', qr/"version": "/, '"version": "9' ],
	[ 'client/libadvlock/advlock.h', qr/ADVLOCK_VERSION "/, 'ADVLOCK_VERSION "9' ],
	[ 'packaging/debian/changelog', qr/\(/, '(9' ],
	[ 'packaging/debian/control.in', qr/libadvlock1/, 'libadvlock9' ],
	[ 'packaging/debian/pgversions', qr/\d+/, '9' ],
	[ 'advisory_lock.control', qr/default_version = '/, "default_version = '9" ]);
foreach my $mistake (@mistakes)
{
	fresh_tree();
	change(@$mistake);
	my $blamed = $mistake->[0] eq 'advisory_lock.control' ? 'META.json' : $mistake->[0];
	like(release_check(), qr/not ready: \Q$blamed\E/, "a mistake in $mistake->[0]");
}

fresh_tree();
append_to_file("$tree/extension/advisory_lock--0.9.sql", '');
like(release_check(), qr/no update from version 0\.9/, 'a version without an update');
append_to_file("$tree/extension/advisory_lock--0.9--$version.sql", '');
is(release_check(), '', 'and with one');

$node->safe_psql('postgres', q{
	CREATE FUNCTION advisory_lock.undocumented_thing() RETURNS int LANGUAGE sql AS 'SELECT 1';
	ALTER EXTENSION advisory_lock ADD FUNCTION advisory_lock.undocumented_thing()});
like(release_check(), qr/undocumented_thing is not in the documentation/, 'a function without documentation');

done_testing();
