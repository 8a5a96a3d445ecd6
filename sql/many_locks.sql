--
-- Several locks at once
--
\set held 'SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid();'

-- Tokens in the order of the argument, of which each name is taken once.
SELECT tokens[1] = advisory_lock.token('b') AS b, tokens[2] = advisory_lock.token('a') AS a,
       tokens[3] = tokens[1] AS b_again, tokens[1] <> tokens[2] AS differ, array_length(tokens, 1)
FROM advisory_lock.lock_many(ARRAY['b', 'a', 'b']) AS tokens;
:held
SELECT advisory_lock.unlock_many(ARRAY['b', 'a', 'b']);
:held

-- Whatever the order of the argument, the tokens rise in the order of the
-- keys, the order in which the locks are taken.
SELECT advisory_lock.lock_many(ARRAY['a', 'b', 'c', 'd', 'e']) IS NOT NULL AS forwards;
SELECT string_agg(name, '' ORDER BY advisory_lock.token(name)) AS taken,
       string_agg(name, '' ORDER BY k.key1, k.key2) AS by_key
FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) AS name, advisory_lock.key(name) AS k;
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.lock_many(ARRAY['e', 'd', 'c', 'b', 'a']) IS NOT NULL AS backwards;
SELECT string_agg(name, '' ORDER BY advisory_lock.token(name)) AS taken
FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) AS name;

-- Locks that are held already count once more and keep their tokens.
SELECT advisory_lock.token('c') AS token \gset
SELECT tokens[1] = :token AS same_token, tokens[2] > :token AS newer
FROM advisory_lock.lock_many(ARRAY['c', 'f']) AS tokens;
SELECT advisory_lock.unlock_many(ARRAY['a', 'b', 'c', 'd', 'e', 'f']);
:held
SELECT advisory_lock.unlock('c');

-- What is not held is told and not counted.
SELECT advisory_lock.lock('b') > 0 AS locked;
SELECT advisory_lock.unlock_many(ARRAY['a', 'b']);

-- Two names with one key are one lock.
SELECT tokens[1] = tokens[2] AS one_lock
FROM advisory_lock.lock_many(ARRAY['job-c5cd926bdf8b1673', 'job-45f2cc9a4e570bef']) AS tokens;
:held
SELECT advisory_lock.unlock('job-c5cd926bdf8b1673');

-- These should all fail, and hold nothing.
SELECT advisory_lock.lock_many(NULL);
SELECT advisory_lock.lock_many(ARRAY[]::text[]);
SELECT advisory_lock.lock_many(ARRAY['a', NULL, 'b']);
SELECT advisory_lock.lock_many(ARRAY[['a', 'b'], ['c', 'd']]);
SELECT advisory_lock.lock_many(ARRAY['a', '']);
SELECT advisory_lock.lock_many(ARRAY['a', repeat('x', 1025)]);
SELECT advisory_lock.try_lock_many(NULL);
SELECT advisory_lock.try_lock_many(ARRAY['a', NULL]);
SELECT advisory_lock.unlock_many(NULL);
SELECT advisory_lock.unlock_many(ARRAY['a', NULL]);
CALL advisory_lock.acquire_many(NULL);
CALL advisory_lock.acquire_many(ARRAY[]::text[]);
:held

-- An array may begin anywhere, and hold one name.
SELECT advisory_lock.try_lock_many('[5:6]={a,b}'::text[]);
SELECT array_length(advisory_lock.lock_many(ARRAY['a']), 1);
SELECT advisory_lock.unlock_all();

-- More locks than the server has room for: an error that says what to do, and
-- none of the locks.
\set VERBOSITY sqlstate
SELECT advisory_lock.lock_many(array_agg('name ' || i)) FROM generate_series(1, 100000) AS i;
SELECT advisory_lock.try_lock_many(array_agg('name ' || i), '1 min') FROM generate_series(1, 100000) AS i;
\set VERBOSITY default
:held
SELECT advisory_lock.unlock_all();

-- Millions of names do not keep it from being canceled.
CREATE TEMP TABLE million AS SELECT array_agg('name ' || i) AS names FROM generate_series(1, 1000000) AS i;
SET statement_timeout = '300 ms';
SELECT advisory_lock.lock_many(names) FROM million;
RESET statement_timeout;
DROP TABLE million;
:held

-- The locks of others are not in the way of a hundred names.
SELECT array_length(advisory_lock.lock_many(array_agg('name ' || i)), 1) FROM generate_series(1, 100) AS i;
SELECT advisory_lock.unlock_all();
