--
-- Locks by their key, without a name
--

-- One bigint, two integers: the locks that pg_advisory_lock() takes.
CREATE VIEW pg_temp.mine AS
SELECT CASE objsubid WHEN 1 THEN (classid::bigint << 32 | objid::bigint)::text
       ELSE concat(classid::bigint::bit(32)::integer, ',', objid::bigint::bit(32)::integer) END AS key,
       objsubid, mode
FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
ORDER BY objsubid, 1, 3;
SELECT advisory_lock.lock(72707369) > 0 AS locked, advisory_lock.lock(-1) > 0 AS locked,
       advisory_lock.lock(6939591962871035475) > 0 AS locked,
       advisory_lock.lock('-9223372036854775808'::bigint) > 0 AS locked,
       advisory_lock.lock(-1497367772, -977423767) > 0 AS locked,
       advisory_lock.lock(2147483647, -2147483648) > 0 AS locked;
TABLE pg_temp.mine;
SELECT pg_advisory_unlock(72707369), pg_advisory_unlock(-1497367772, -977423767);
SELECT advisory_lock.unlock_all();
TABLE pg_temp.mine;

-- A bigint and the two integers that are its halves are different locks.
SELECT advisory_lock.lock(1::bigint << 32 | 2) > 0 AS locked;
SELECT advisory_lock.is_locked(1::bigint << 32 | 2), advisory_lock.is_locked(1, 2);
SELECT advisory_lock.unlock(1, 2);
SELECT advisory_lock.unlock(1::bigint << 32 | 2);

-- What an argument is taken for: an untyped literal is a name, ...
SELECT advisory_lock.lock('123') > 0 AS locked;
SELECT advisory_lock.is_locked('123'), advisory_lock.is_locked('123'::text),
       advisory_lock.is_locked(123), advisory_lock.is_locked('123'::bigint);
SELECT advisory_lock.try_lock('123', '1 s'), advisory_lock.unlock_all();
PREPARE untyped AS SELECT advisory_lock.try_lock($1, $2);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
-- ... so is what is a string by its type, ...
CREATE DOMAIN pg_temp.job_name AS text CHECK (VALUE <> '');
SELECT advisory_lock.lock('456'::pg_temp.job_name) > 0 AS locked, advisory_lock.lock('456'::varchar) > 0 AS locked,
       advisory_lock.lock('456'::name) > 0 AS locked;
SELECT advisory_lock.is_locked('456'::text), advisory_lock.unlock_all();
-- ... and every integer is a key, of two as of one.
CREATE DOMAIN pg_temp.job_id AS bigint;
SELECT advisory_lock.lock(7::smallint) > 0 AS locked, advisory_lock.lock(7::integer) > 0 AS locked,
       advisory_lock.lock(7::pg_temp.job_id) > 0 AS locked, advisory_lock.lock(7::smallint, 8::smallint) > 0 AS locked;
TABLE pg_temp.mine;
SELECT advisory_lock.unlock(7), advisory_lock.unlock(7), advisory_lock.unlock(7), advisory_lock.unlock(7, 8);
-- Nothing else is either.
\set VERBOSITY sqlstate
SELECT advisory_lock.lock(7::numeric);
SELECT advisory_lock.lock(9223372036854775808);
SELECT advisory_lock.lock(7.0);
SELECT advisory_lock.lock(7::float8);
SELECT advisory_lock.lock(true);
SELECT advisory_lock.lock(1::bigint, 2::bigint);
SELECT advisory_lock.try_lock(1, 2);
-- NULL is an error, of whichever type.
SELECT advisory_lock.lock(NULL);
SELECT advisory_lock.lock(NULL::bigint);
SELECT advisory_lock.lock(1, NULL);
SELECT advisory_lock.lock(NULL, 1);
\set VERBOSITY default
SELECT advisory_lock.lock(NULL::bigint);

-- Every function for one name has the three forms, permits apart.
SELECT proname, count(*) FROM pg_proc
WHERE pronamespace = 'advisory_lock'::regnamespace AND proname <> 'label'
    AND pg_get_function_arguments(oid) ~ '^(IN )?(name text|key bigint|key1 integer, (IN )?key2 integer)'
GROUP BY proname ORDER BY count(*) DESC, proname COLLATE "C";

-- All of them do what they do for a name.
SELECT advisory_lock.try_lock(10), advisory_lock.try_lock(10, '1 s'), advisory_lock.try_lock(10, 20, '0');
SELECT advisory_lock.try_lock_shared(11), advisory_lock.try_lock_shared(11, 21, '1 s');
SELECT advisory_lock.lock_shared(12) > 0 AS locked, advisory_lock.lock_shared(12, 22) > 0 AS locked;
TABLE pg_temp.mine;
SELECT advisory_lock.unlock_shared(11), advisory_lock.unlock_shared(11, 21),
       advisory_lock.unlock_shared(12), advisory_lock.unlock_shared(12, 22);
SELECT advisory_lock.unlock(10), advisory_lock.unlock(10), advisory_lock.unlock(10, 20);
BEGIN;
SELECT advisory_lock.xact_lock(13) > 0 AS locked, advisory_lock.xact_lock(13, 23) > 0 AS locked,
       advisory_lock.xact_lock_shared(14) > 0 AS locked, advisory_lock.xact_lock_shared(14, 24) > 0 AS locked;
SELECT advisory_lock.try_xact_lock(15), advisory_lock.try_xact_lock(15, 25, '0'),
       advisory_lock.try_xact_lock_shared(16), advisory_lock.try_xact_lock_shared(16, 26, '1 s');
TABLE pg_temp.mine;
COMMIT;
TABLE pg_temp.mine;

-- Tokens are those of the lock, and go with it.
SELECT advisory_lock.lock(17) AS token \gset
SELECT advisory_lock.token(17) = :token AS same, advisory_lock.token(0, 17), advisory_lock.token('17');
SELECT advisory_lock.lock(17) = :token AS same_again;
SELECT advisory_lock.fence(17, :token), advisory_lock.fence(0, 17, :token), advisory_lock.fence('17', :token), advisory_lock.fence('test-lock', :token);
SELECT pg_advisory_unlock(17), advisory_lock.unlock(17), advisory_lock.token(17);
SELECT advisory_lock.lock(17) AS newer \gset
SELECT advisory_lock.unlock(17), advisory_lock.fence(17, :newer);
-- A fence is the lock's, by whichever it is asked for, and keeps its name.
SELECT advisory_lock.fence(-107789403, -1898803861, :newer);
SELECT key1, key2, kind, name, token = :newer AS newer FROM advisory_lock.fences ORDER BY kind, key1, key2;
\set VERBOSITY sqlstate
SELECT advisory_lock.fence(17, :token);
SELECT advisory_lock.fence('test-lock', :token);
SELECT advisory_lock.fence(0, 17, :token - 1);
SELECT advisory_lock.fence('17', :token);
SELECT advisory_lock.fence(17, NULL);
SELECT advisory_lock.fence(NULL::bigint, :token);
SELECT advisory_lock.fence(0, NULL, :token);
SELECT advisory_lock.fence(17::numeric, :token);
\set VERBOSITY default
SELECT advisory_lock.fence(72707369, 5);
DELETE FROM advisory_lock.fences;

-- The procedure.
CALL advisory_lock.acquire(18) \gset
CALL advisory_lock.acquire(18, shared => true) \gset
SELECT advisory_lock.token(18) = :token AS same;
CALL advisory_lock.acquire(18, 28, NULL, false, NULL) \gset
SELECT advisory_lock.token(18, 28) = :token AS same;
TABLE pg_temp.mine;
BEGIN;
CALL advisory_lock.acquire(19);
ROLLBACK;
SELECT advisory_lock.unlock_all();

-- A name and its key are one lock: taken as the one it is held as the other,
-- and nobody is warned of a second name.
SELECT advisory_lock.lock(-107789403, -1898803861) AS token \gset
SELECT advisory_lock.is_locked('test-lock'), advisory_lock.token('test-lock') = :token AS same;
SELECT advisory_lock.lock('test-lock') = :token AS same_again;
SELECT advisory_lock.unlock('test-lock'), advisory_lock.unlock(-107789403, -1898803861),
       advisory_lock.is_locked('test-lock');

-- What is wrong is said with the key.
SELECT advisory_lock.unlock(72707369);
SELECT advisory_lock.unlock_shared(-1497367772, -977423767);
SELECT advisory_lock.try_lock(72707369, '-1 s');
SELECT advisory_lock.try_lock(72707369, NULL);
SELECT advisory_lock.try_lock(-1497367772, -977423767, NULL);
SELECT advisory_lock.terminate_holders(72707369), advisory_lock.terminate_holders(-1497367772, -977423767);

-- The view shows both key spaces, with what is known of a lock that has a token.
SELECT advisory_lock.lock(72707369) AS token \gset
SELECT pg_advisory_lock(-5), pg_advisory_lock_shared(-1497367772, -977423767);
SELECT name, mode, granted, acquired_at IS NOT NULL AS through_us, token = :token AS token, key1, key2, key
FROM advisory_lock.locks WHERE pid = pg_backend_pid() ORDER BY key, key1;
SELECT pg_advisory_unlock_all();
SELECT advisory_lock.unlock_all();
