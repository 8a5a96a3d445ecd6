--
-- Transaction-level locks
--
\set held 'SELECT mode FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid() ORDER BY mode;'

BEGIN;
SELECT advisory_lock.xact_lock('a') AS token \gset
SELECT advisory_lock.xact_lock('a') = :token AS same_token;
SELECT advisory_lock.token('a') = :token AS same_token;
SELECT advisory_lock.try_xact_lock('b'), advisory_lock.try_xact_lock_shared('b');
:held
-- It cannot be released early, by neither function.
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.is_locked('a');
COMMIT;
:held
SELECT advisory_lock.token('a');

-- A rollback releases it too.
BEGIN;
SELECT advisory_lock.xact_lock('a') > :token AS newer;
ROLLBACK;
SELECT advisory_lock.is_locked('a');

-- So does a rollback to a savepoint before it, and only that.
BEGIN;
SELECT advisory_lock.xact_lock('before') > 0 AS locked;
SAVEPOINT s;
SELECT advisory_lock.xact_lock('after') > 0 AS locked;
ROLLBACK TO s;
SELECT advisory_lock.is_locked('before'), advisory_lock.is_locked('after'), advisory_lock.token('after');
SAVEPOINT s;
SELECT advisory_lock.xact_lock('after') > 0 AS locked;
RELEASE s;
SELECT advisory_lock.is_locked('after');
COMMIT;
SELECT advisory_lock.is_locked('before'), advisory_lock.is_locked('after');

-- A session-level lock taken after a savepoint outlives the rollback.
BEGIN;
SAVEPOINT s;
SELECT advisory_lock.lock('a') AS token \gset
ROLLBACK TO s;
SELECT advisory_lock.token('a') = :token AS same_token;
COMMIT;
SELECT advisory_lock.unlock('a');

-- Both levels at once: unlock() ends the session-level hold alone.
BEGIN;
SELECT advisory_lock.lock('a') AS token \gset
SELECT advisory_lock.xact_lock('a') = :token AS same_token;
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.token('a') = :token AS same_token;
COMMIT;
SELECT advisory_lock.is_locked('a');

-- The other way round.
BEGIN;
SELECT advisory_lock.xact_lock('a') AS token \gset
SELECT advisory_lock.lock('a') = :token AS same_token;
COMMIT;
SELECT advisory_lock.token('a') = :token AS same_token;
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.is_locked('a');

-- An error in a function that catches it.
DO $$
BEGIN
    BEGIN
        PERFORM advisory_lock.xact_lock('inner');
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        RAISE NOTICE 'inner is locked: %', advisory_lock.is_locked('inner');
    END;
END
$$;

:held
