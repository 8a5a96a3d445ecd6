# Copyright (c) 2026 the advisory_lock authors

# Does scripts/check-style find what SQL in C leaves to the search_path?

use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

use lib "$FindBin::RealBin/../scripts/lib";
use SearchPath;

# Strings of C, and what is wrong with them.
my @wrong = (
	[ '"SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = $1"', 'operator =' ],
	[ '"DELETE FROM advisory_lock.fences WHERE token<$1"', 'operator <' ],
	[ '"SELECT a" ADVL_EQ "b"' . "\n\t" . '"||c"', 'operator ||' ],
	[ '"SELECT pg_catalog.now() - fenced_at FROM advisory_lock.fences"', 'operator -' ],
	[ '"SELECT 1 FROM a.b JOIN a.c USING (x)"', 'USING' ],
	[ '"SELECT 1 FROM advisory_lock.locks NATURAL JOIN advisory_lock.fences"', 'NATURAL' ],
	[ '"SELECT 1 FROM a.b"' . "\n\t" . '" WHERE a IS NOT NULL AND b IN ($1, $2)"', 'IN' ],
	[ '"SELECT 1 WHERE a NOT LIKE $1"', 'LIKE' ],
	[ '"SELECT 1 WHERE a BETWEEN $1 AND $2"', 'BETWEEN' ],
	[ '"SELECT 1 WHERE a IS DISTINCT FROM b"', 'IS DISTINCT' ],
	[ q{"SELECT CASE mode WHEN 'a' THEN 1 END FROM pg_catalog.pg_locks"}, 'CASE with a value' ],
	[ '"SELECT now()"', 'function now' ],
	[ '"SELECT lock($1)"', 'function lock' ],
	[ '"SELECT $1::text"', 'type text' ],
	[ '"SELECT CAST($1 AS interval)"', 'type interval' ],
	[ '"INSERT INTO fences (name) VALUES ($1)"', 'relation fences' ],
	[ '"SELECT 1 FROM pg_locks"', 'relation pg_locks' ]);

# Everything has its schema, or needs none, or is no SQL.
my @right = (
	'"SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.=) $1"',
	'"SELECT 1 FROM a AS (b) WHERE x" ADVL_OP("<>") "ALL (CAST($3 AS pg_catalog._int4))"',
	q{"SELECT COALESCE(a, '= b', 'now()') FROM advisory_lock.locks WHERE EXISTS (SELECT l.*, pg_catalog.count(*))"},
	'"WITH found AS (SELECT 1) SELECT CASE WHEN a THEN $1::pg_catalog.text END FROM found ORDER BY a"',
	'"INSERT INTO advisory_lock.fences AS f (name, token) VALUES ($1, $2)"'
	  . '" ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token, name = EXCLUDED.name WHERE f.x"',
	'"advisory lock \"%s\" (pid = %d) is held in another mode"');

foreach my $case (@wrong)
{
	my ($c, $wrong) = @$case;
	my @problems = SearchPath::problems("query = $c;\n");

	ok((grep { /^\Q$wrong\E in: / } @problems), "found: $wrong") or diag "in $c: @problems";
}
is(join(', ', SearchPath::problems("query = $_;\n")), '', 'nothing found in ' . substr $_, 0, 60)
  foreach @right;

done_testing();
