--
-- Names and their keys
--

-- The scheme is frozen.  These numbers come from another implementation of
-- SHA-256; the first is published by the npm package "advisory-lock".
CREATE TEMP TABLE vectors (label text, name text, key1 integer, key2 integer);
INSERT INTO vectors VALUES
    ('published', 'test-lock', -107789403, -1898803861),
    ('one letter', 'a', 310482890, -893576246),
    ('case matters', 'Job', 259678637, -186427427),
    ('case matters', 'job', 43617374, -335906272),
    ('a blank', ' ', -236476106, -8234039),
    ('a newline', E'\n', 424131073, -378598456),
    ('quotes', E'it''s; DROP TABLE \\ %s "q"', -683889196, -1492789751),
    ('longest', repeat('x', 1024), 1540795209, 1082032063),
    ('two bytes', U&'\00DF', -1837221171, 121835945),
    ('composed', U&'Z\00FCrich', 1583894850, 901171718),
    ('decomposed', U&'Zu\0308rich', -33996346, 1960211368),
    ('mixed', U&'na\00EFve \2603', -1788015863, 945199858),
    ('Cyrillic', U&'\043D\0435\0432\0430', -1180849519, 2031212475),
    ('three bytes', U&'\6771\4EAC', -1307181037, -436757671),
    ('four bytes', U&'\+01F418', 1593946878, -1612817037),
    ('longest of two bytes each', repeat(U&'\00E9', 512), 111943147, 1655249025);

SELECT v.label, k.key1, k.key2, (k.key1, k.key2) = (v.key1, v.key2) AS frozen
FROM vectors AS v, advisory_lock.key(v.name) AS k;

-- The same by the server's own sha256(): bytes 0-3 and 4-7, little-endian.
-- Names of all lengths, and more than a session remembers, asked for again.
CREATE FUNCTION pg_temp.reference(name text, first integer)
RETURNS integer
LANGUAGE sql AS $$
    SELECT (sum(get_byte(digest, first + i)::bigint << (8 * i))::bigint::bit(32))::integer
    FROM sha256(convert_to(name, 'UTF8')) AS digest, generate_series(0, 3) AS i
$$;
SELECT count(*) AS differing
FROM (SELECT name FROM vectors
      UNION ALL SELECT repeat('x', i) FROM generate_series(1, 1024) AS i
      UNION ALL SELECT 'name ' || i % 250 FROM generate_series(1, 1000) AS i) AS n,
     advisory_lock.key(n.name) AS k
WHERE (k.key1, k.key2)
    IS DISTINCT FROM (pg_temp.reference(n.name, 0), pg_temp.reference(n.name, 4));

-- key() can be indexed and is null for a null.
SELECT provolatile, proisstrict, proparallel
FROM pg_proc WHERE oid = 'advisory_lock.key(text)'::regprocedure;
SELECT (advisory_lock.key(NULL)).key1 IS NULL AS strict;

-- No name is cut or normalised, none is too long unnoticed.
SELECT advisory_lock.key('');
SELECT advisory_lock.key(repeat('x', 1025));
SELECT advisory_lock.key(repeat(U&'\00E9', 512) || 'x');
SELECT advisory_lock.key(repeat(U&'\+01F418', 257));

-- The lock is the one that pg_advisory_lock(int4, int4) takes for the key.
SELECT advisory_lock.lock('test-lock') > 0 AS locked;
SELECT classid::bigint::bit(32)::integer AS key1, objid::bigint::bit(32)::integer AS key2,
       objsubid, mode, database = (SELECT oid FROM pg_database WHERE datname = current_database()) AS here
FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT pg_advisory_unlock(-107789403, -1898803861);
SELECT advisory_lock.is_locked('test-lock');

-- Names with one key are one lock, and whoever takes both is told.
SELECT advisory_lock.key('job-c5cd926bdf8b1673') = advisory_lock.key('job-45f2cc9a4e570bef') AS collide;
SELECT advisory_lock.lock('job-c5cd926bdf8b1673') > 0 AS locked;
SELECT advisory_lock.lock('job-45f2cc9a4e570bef') > 0 AS locked;
SELECT advisory_lock.unlock('job-c5cd926bdf8b1673');
SELECT advisory_lock.unlock('job-45f2cc9a4e570bef');
SELECT advisory_lock.is_locked('job-c5cd926bdf8b1673');
