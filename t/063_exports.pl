# Copyright (c) 2026 the advisory_lock authors

# What advisory_lock.so shows to other libraries in the same process.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use AdvisoryLock;

my $missing = missing_program('nm');
plan skip_all => "$missing is not installed" if $missing;

my $library = qx(pg_config --pkglibdir) =~ s/\n//r . '/advisory_lock.so';
my @exported = map { /(\S+)$/ ? $1 : () } qx(nm -D --defined-only '$library');

# What the server looks for, and for each function that SQL calls.
my ($script) = glob('extension/advisory_lock--*.sql');
my %called = map { $_ => 1 } slurp_file($script) =~ /^AS 'MODULE_PATHNAME', '(\w+)'/mg;
my @expected = ('_PG_init', 'Pg_magic_func', map { ($_, "pg_finfo_$_") } keys %called);

cmp_ok(scalar keys %called, '>', 20, 'SQL calls functions of the library');
is_deeply([ sort @exported ], [ sort @expected ],
	'the library exports what the server and SQL call, and nothing else');

done_testing();
