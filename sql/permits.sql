--
-- Counting semaphores
--
\set held 'SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid();'

-- The lowest free permit, until there is none.
SELECT advisory_lock.acquire_permit('pool', 3);
SELECT advisory_lock.acquire_permit('pool', 3);
SELECT advisory_lock.acquire_permit('pool', 3);
SELECT advisory_lock.acquire_permit('pool', 3, '0');
SELECT advisory_lock.acquire_permit('pool', 3, '20 ms');
SELECT advisory_lock.release_permit('pool', 2);
SELECT advisory_lock.acquire_permit('pool', 3);

-- Permit i is the lock "pool#i", which shows who holds what; nothing else is
-- held, and the name itself is free.
SELECT i, advisory_lock.is_locked('pool#' || i), advisory_lock.token('pool#' || i) > 0 AS has_token
FROM generate_series(1, 3) AS i;
SELECT advisory_lock.is_locked('pool'), advisory_lock.is_locked('pool#queue');
:held

-- A caller with another limit looks at the permits up to its own.
SELECT advisory_lock.acquire_permit('pool', 2, '0');
SELECT advisory_lock.acquire_permit('pool', 5, '0');
SELECT advisory_lock.release_permit('pool', 4), advisory_lock.release_permit('pool', 1);
SELECT advisory_lock.acquire_permit('pool', 1, '0');

-- A permit has a fencing token like any lock: the newest is the greatest.
SELECT advisory_lock.token('pool#1') > advisory_lock.token('pool#2') AS newest,
       advisory_lock.token('pool#2') > advisory_lock.token('pool#3') AS newer;

-- Released with all the rest.
SELECT advisory_lock.unlock_all();
:held

-- Released twice, it was not held.
SELECT advisory_lock.acquire_permit('pool', 1);
SELECT advisory_lock.release_permit('pool', 1);
SELECT advisory_lock.release_permit('pool', 1);

-- The limits of the numbers.
SELECT advisory_lock.acquire_permit('pool', 2147483647);
SELECT advisory_lock.acquire_permit('pool', 2147483647, '0');
SELECT advisory_lock.release_permit('pool', 2), advisory_lock.release_permit('pool', 1);
SELECT advisory_lock.acquire_permit(repeat('x', 1024), 1);
SELECT advisory_lock.release_permit(repeat('x', 1024), 1);

-- These should all fail, and hold nothing.
SELECT advisory_lock.acquire_permit('pool', 0);
SELECT advisory_lock.acquire_permit('pool', -1);
SELECT advisory_lock.acquire_permit('pool', -2147483648);
SELECT advisory_lock.acquire_permit('pool', NULL);
SELECT advisory_lock.acquire_permit(NULL, 1);
SELECT advisory_lock.acquire_permit('', 1);
SELECT advisory_lock.release_permit('pool', 0);
SELECT advisory_lock.release_permit('pool', -1);
SELECT advisory_lock.release_permit('pool', NULL);
SELECT advisory_lock.release_permit(NULL, 1);
:held

-- It can be had as part of a transaction that fails, and stays.
BEGIN;
SELECT advisory_lock.acquire_permit('pool', 1);
ROLLBACK;
SELECT advisory_lock.is_locked('pool#1'), advisory_lock.is_locked('pool#queue');
SELECT advisory_lock.release_permit('pool', 1);
:held
