# Copyright (c) 2026 the advisory_lock authors
#
# bench/run measures, on a server that it starts and stops, and leaves figures
# and pictures.  How fast anything is, is not tested.

use strict;
use warnings FATAL => 'all';

use Cwd ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $missing = missing_program('pgbench');
plan skip_all => "$missing is not installed" if $missing;

my $run = Cwd::getcwd() . '/bench/run';
my $results = PostgreSQL::Test::Utils::tempdir();
my $scratch = PostgreSQL::Test::Utils::tempdir_short();

{
	local $ENV{TMPDIR} = $scratch;
	command_ok([ 'sh', '-c', qq{cd '$results' && exec '$run' -s "\$@"}, 'sh', '^one client, one name$|^flock|^hand-over, median' ],
		'three rows are measured');
}
is_deeply([ glob("$scratch/*") ], [], 'the server is gone, and all that belonged to it');

my $got = JSON::PP::decode_json(slurp_file("$results/results.json"));
is($got->{rounds}, 1, 'it is said how many rounds there were');
ok($got->{load_before} =~ /^[\d.]+$/, 'and how busy the machine was');
is_deeply(
	[ map { $_->{table} . ': ' . join ', ', map { $_->{row} } @{ $_->{rows} } } @{ $got->{tables} } ],
	[ 'rates: one client, one name', 'processes: flock', 'handover: hand-over, median' ],
	'the rows that were asked for');
foreach my $row (map { @{ $_->{rows} } } @{ $got->{tables} })
{
	cmp_ok(abs($row->{ours} / $row->{other} - $row->{median}), '<', 0.001 + $row->{median} / 1000,
		"$row->{row}: the ratio is that of the figures");
}

SKIP:
{
	skip 'gnuplot is not installed', 3 if missing_program('gnuplot');
	foreach my $table (qw(rates processes handover))
	{
		like(slurp_file("$results/results-$table.svg"), qr/<svg.*<\/svg>/s, "a picture of $table");
	}
}

done_testing();
