--
-- Shared mode, and both modes at once
--
\set held 'SELECT mode FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid() ORDER BY mode;'

SELECT advisory_lock.lock_shared('a') AS token \gset
SELECT advisory_lock.lock_shared('a') = :token AS same_token;
SELECT advisory_lock.try_lock_shared('a', '1 s');
:held

-- Each mode is released by its own function, which says so.
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.unlock_shared('a'), advisory_lock.unlock_shared('a'), advisory_lock.unlock_shared('a');
SELECT advisory_lock.unlock_shared('a');

-- From shared to exclusive: others may have held the lock in shared mode with
-- newer tokens in the meantime, so the stronger hold has a token of its own.
SELECT advisory_lock.lock_shared('a') AS shared_token \gset
SELECT advisory_lock.lock('a') AS exclusive_token \gset
SELECT :exclusive_token > :shared_token AS newer;
:held

-- An exclusive hold covers a shared one: the same token.
SELECT advisory_lock.lock_shared('a') = :exclusive_token AS same_token;
SELECT advisory_lock.unlock('a');
:held
SELECT advisory_lock.token('a') = :exclusive_token AS same_token;
SELECT advisory_lock.unlock_shared('a'), advisory_lock.unlock_shared('a');
SELECT advisory_lock.token('a');

-- From exclusive to shared without a gap.
SELECT advisory_lock.lock('a') AS token \gset
SELECT advisory_lock.lock_shared('a') = :token AS same_token;
SELECT advisory_lock.unlock('a');
:held
SELECT advisory_lock.unlock_shared('a');

-- The same within a transaction.
BEGIN;
SELECT advisory_lock.xact_lock_shared('a') AS shared_token \gset
SELECT advisory_lock.xact_lock_shared('a') = :shared_token AS same_token;
SELECT advisory_lock.xact_lock('a') > :shared_token AS newer;
SELECT advisory_lock.try_xact_lock_shared('a');
:held
COMMIT;
:held
