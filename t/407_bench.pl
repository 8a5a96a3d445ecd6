# Copyright (c) 2026 the advisory_lock authors
#
# bench/run measures, on servers that it starts and stops, and leaves figures
# and pictures; bench/lease-bloat measures on a server that is there.  How fast
# anything is, is not tested; but that renewals leave no bloat is.

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
	command_ok([ 'sh', '-c', qq{cd '$results' && exec '$run' -s "\$@"}, 'sh', '^one client, one name$|^flock$|^withlock, median$|^Redis, SET NX$|of 1,000|^view locks$' ],
		'some rows are measured');
}
is_deeply([ glob("$scratch/*") ], [], 'the server is gone, and all that belonged to it');

my $got = JSON::PP::decode_json(slurp_file("$results/results.json"));
is($got->{rounds}, 1, 'it is said how many rounds there were');
ok($got->{load_before} =~ /^[\d.]+$/, 'and how busy the machine was');
my @tables = @{ $got->{tables} };
my %left_out = map { $_ => 1 } @{ $got->{left_out} };
is_deeply(
	[ map { my $table = $_->{table}; map { "$table: $_->{row}" } @{ $_->{rows} } } @tables ],
	[
		'rates: one client, one name',
		'processes: flock',
		(missing_program('redis-server') ? () : 'processes: Redis, SET NX'),
		'handover: withlock, median',
		'handover: withlock, median of 1,000',
		'memory: a withlock of 1,000 that wait',
		'counts: commands out of turn, of 1,000',
		'listing: view locks',
		'growth: view locks'
	],
	'the rows that were asked for');
is(!!$left_out{'Redis, SET NX'}, !!missing_program('redis-server'), 'what is not there is left out, and named');
foreach my $table (@tables)
{
	foreach my $row (@{ $table->{rows} })
	{
		my $expected = $table->{figures} ? $row->{ours} : $row->{ours} / $row->{other};
		cmp_ok(abs($expected - $row->{median}), '<', 0.001 + $row->{median} / 1000,
			"$table->{table}, $row->{row}: it is that of the figures");
		next unless $row->{reach};
		my ($sign, $bound) = split ' ', $row->{reach};
		is(!!$row->{reached}, ($sign eq '>=' ? $row->{median} >= $bound : $row->{median} <= $bound),
			'... and it is said whether what is to be reached was');
	}
}
my %row = map { my $table = $_->{table}; map { ("$table: $_->{row}" => $_) } @{ $_->{rows} } } @tables;
is($row{'counts: commands out of turn, of 1,000'}{ours}, 0, 'those that waited ran in the order in which they had come');
cmp_ok($row{'memory: a withlock of 1,000 that wait'}{ours}, '>', 100, 'memory is that of a process, in KiB');

my @lines = slurp_file("$results/results.md") =~ /^\| .* \|$/mg;
is(@lines, @tables + keys %row, 'and as tables in Markdown');

SKIP:
{
	skip 'gnuplot is not installed', scalar(@tables) if missing_program('gnuplot');
	foreach my $table (map { $_->{table} } @tables)
	{
		like(slurp_file("$results/performance-$table.svg"), qr/<svg.*<\/svg>/s, "a picture of $table");
	}
}

# === Leases ===

my $node = start_node('main');
{
	local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
	local $ENV{TMPDIR} = $scratch;
	my ($out, $err) = run_command([ 'bench/lease-bloat', '2000', '500' ]);

	is($err, '', 'bench/lease-bloat complains of nothing');
	my ($all, $hot) = $out =~ /^(\d+) renewals of 500 leases, \d+ a second: (\d+) HOT updates$/m;
	cmp_ok($all, '>=', 2000, 'renewals are counted');
	cmp_ok($hot, '>=', 0.99 * $all, 'they are HOT updates');
	my ($table, $table_after, $index, $index_after) =
	  $out =~ /^table (\d+) bytes before, (\d+) after; index (\d+) before, (\d+) after$/m;
	cmp_ok($table_after, '<=', 1.1 * $table, 'the table has not grown');
	cmp_ok($index_after, '<=', $index, 'nor has its index');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM advisory_lock.leases'), '0', 'nothing is left');

done_testing();
