--
-- No lock from a parallel worker, with which it would end
--

-- Functions that lie about themselves get a plan with workers.
CREATE FUNCTION safe_lock(name text) RETURNS bigint PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.lock(name); END';
CREATE FUNCTION safe_xact_lock(name text) RETURNS bigint PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.xact_lock(name); END';
CREATE FUNCTION safe_try_lock_many(names text[]) RETURNS boolean PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.try_lock_many(names); END';
CREATE FUNCTION safe_acquire_permit(name text) RETURNS integer PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.acquire_permit(name, 1); END';
CREATE FUNCTION safe_unlock(name text) RETURNS boolean PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.unlock(name); END';
CREATE FUNCTION safe_fence(name text, token bigint) RETURNS void PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN PERFORM advisory_lock.fence(name, token); END';
CREATE FUNCTION safe_unlock_all() RETURNS integer PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.unlock_all(); END';
CREATE FUNCTION safe_terminate_holders(name text) RETURNS integer PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.terminate_holders(name); END';
CREATE FUNCTION safe_last_run(name text) RETURNS timestamptz PARALLEL SAFE LANGUAGE plpgsql
AS 'BEGIN RETURN advisory_lock.last_run(name); END';

-- The setting has a name of its own in each major, as ever for debugging.
SELECT set_config(name, 'regress', false) AS forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

\set SHOW_CONTEXT never
SELECT safe_lock('a');
SELECT safe_xact_lock('a');
SELECT safe_try_lock_many(ARRAY['a', 'b']);
SELECT safe_acquire_permit('a');
SELECT safe_unlock('a');
SELECT safe_fence('a', 1);
SELECT safe_unlock_all();
SELECT safe_terminate_holders('a');
SELECT safe_last_run('a');

-- The functions as they are keep the plan serial.
SELECT advisory_lock.lock('a') > 0 AS locked, advisory_lock.is_locked('a');
SELECT advisory_lock.unlock('a');
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

SELECT set_config(name, 'off', false) AS forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
DROP FUNCTION safe_lock, safe_xact_lock, safe_try_lock_many, safe_acquire_permit, safe_unlock, safe_fence, safe_unlock_all, safe_terminate_holders;
