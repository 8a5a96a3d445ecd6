--
-- Session-level locks: how they count, and who else can release them
--
\set held 'SELECT mode, count(*) FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid() GROUP BY mode;'

-- Locked twice, unlocked twice; the second time is the same hold, and so has
-- the same token.
SELECT advisory_lock.lock('a') AS token \gset
SELECT advisory_lock.lock('a') = :token AS same_token;
SELECT advisory_lock.try_lock('a');
SELECT advisory_lock.token('a') = :token AS same_token;
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.is_locked('a'), advisory_lock.token('a') = :token AS still_held;
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.is_locked('a'), advisory_lock.token('a');
SELECT advisory_lock.unlock('a');

-- Held anew, a new token.
SELECT advisory_lock.lock('a') > :token AS newer;
SELECT advisory_lock.unlock('a');

-- A rollback does not release it.
BEGIN;
SELECT advisory_lock.lock('a') > 0 AS locked;
ROLLBACK;
SELECT advisory_lock.is_locked('a');
SELECT advisory_lock.unlock('a');

-- Neither does an error later in the same statement, as with core's function.
SELECT advisory_lock.lock('a') / 0;
SELECT advisory_lock.unlock('a');

-- unlock_all() releases what came through the extension, all of it, and
-- nothing else.
SELECT advisory_lock.lock('a') > 0, advisory_lock.lock('a') > 0,
       advisory_lock.lock_shared('a') > 0, advisory_lock.lock_shared('b') > 0;
SELECT pg_advisory_lock(1), pg_advisory_lock(1, 2), pg_advisory_lock_shared(3);
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.is_locked('a'), advisory_lock.is_locked('b');
SELECT advisory_lock.unlock_all();
:held
SELECT pg_advisory_unlock_all();

-- It leaves alone what a raw call added to a named lock.
SELECT advisory_lock.lock('a') > 0 AS locked;
SELECT pg_advisory_lock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.is_locked('a');
SELECT pg_advisory_unlock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT advisory_lock.is_locked('a');

-- Released behind our back, the lock is gone and nothing says otherwise.
SELECT advisory_lock.lock('a') > 0 AS locked;
SELECT pg_advisory_unlock_all();
SELECT advisory_lock.is_locked('a'), advisory_lock.token('a');
SELECT advisory_lock.unlock('a');

SELECT advisory_lock.lock('a') > 0 AS locked;
DISCARD ALL;
SELECT advisory_lock.is_locked('a'), advisory_lock.token('a');
SELECT advisory_lock.unlock_all();

SELECT advisory_lock.lock('a') AS token \gset
SELECT pg_advisory_unlock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT advisory_lock.token('a');
SELECT advisory_lock.lock('a') > :token AS newer;

-- The count is right after that too: one unlock is enough.
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.is_locked('a');

-- Taken by a raw call alone, a lock has no token, but it can be released.
SELECT pg_advisory_lock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT advisory_lock.is_locked('a'), advisory_lock.token('a');
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.is_locked('a');

-- So too if it was taken by name before: others may have had newer tokens in
-- between.
SELECT advisory_lock.lock('a') AS token \gset
SELECT pg_advisory_unlock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT pg_advisory_lock(k.key1, k.key2) FROM advisory_lock.key('a') AS k;
SELECT advisory_lock.token('a');
SELECT advisory_lock.lock('a') > :token AS newer;
SELECT advisory_lock.unlock('a'), advisory_lock.unlock('a');

-- Many names in one session, after which none is left over.
SELECT count(advisory_lock.lock('many ' || i)) FROM generate_series(1, 500) AS i;
SELECT count(*) FROM generate_series(1, 500) AS i WHERE advisory_lock.unlock('many ' || i);
SELECT count(advisory_lock.lock('many ' || i)) FROM generate_series(1, 500) AS i;
SELECT advisory_lock.unlock_all();
:held
