--
-- CALL acquire() and acquire_many()
--
\set SHOW_CONTEXT never
\set held 'SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid();'

-- All forms of the call.
CALL advisory_lock.acquire('a') \gset
SELECT :token = advisory_lock.token('a') AS token, NOT :{?permit} AS no_permit;
CALL advisory_lock.acquire('a', '1 s') \gset again_
SELECT :again_token = :token AS same_token;
CALL advisory_lock.acquire('a', timeout => '1 s', shared => true) \gset shared_
SELECT :shared_token = :token AS same_token;
CALL advisory_lock.acquire(name => 'a', timeout => NULL, shared => NULL, permits => NULL, token => 1, permit => 2) \gset named_
SELECT :named_token = :token AS same_token, NOT :{?named_permit} AS no_permit;
SELECT advisory_lock.unlock('a'), advisory_lock.unlock('a'), advisory_lock.unlock('a'),
       advisory_lock.unlock_shared('a');
:held

-- Shared, and a timeout that is not needed.
CALL advisory_lock.acquire('a', shared => true, timeout => '0') \gset shared_
SELECT :shared_token > :token AS newer;
SELECT advisory_lock.unlock_shared('a');

-- A permit; the token is the permit's.
CALL advisory_lock.acquire('pool', permits => 2) \gset
SELECT :permit AS permit, :token = advisory_lock.token('pool#1') AS token;
CALL advisory_lock.acquire('pool', permits => 2) \gset
SELECT :permit AS permit, :token = advisory_lock.token('pool#2') AS token;

-- When the time runs out, there is no token.
\pset null '(null)'
CALL advisory_lock.acquire('pool', timeout => '20 ms', permits => 2);
CALL advisory_lock.acquire('pool', timeout => '0', permits => 2);
SELECT advisory_lock.release_permit('pool', 2), advisory_lock.release_permit('pool', 1);
:held

-- Many.
CALL advisory_lock.acquire_many(ARRAY['b', 'a', 'b']) \gset
SELECT :'tokens'::bigint[] = ARRAY[advisory_lock.token('b'), advisory_lock.token('a'), advisory_lock.token('b')] AS tokens;
CALL advisory_lock.acquire_many(names => ARRAY['a'], timeout => '1 s') \gset
SELECT :'tokens'::bigint[] = ARRAY[advisory_lock.token('a')] AS tokens;
SELECT advisory_lock.unlock_all();
:held

-- From PL/pgSQL at top level it can do the same.
DO $$
DECLARE
    token bigint;
    permit integer;
    tokens bigint[];
BEGIN
    CALL advisory_lock.acquire('a', '1 s', false, NULL, token, permit);
    RAISE NOTICE 'token: %', token = advisory_lock.token('a');
    CALL advisory_lock.acquire_many(ARRAY['b', 'c'], '1 s', tokens);
    RAISE NOTICE 'tokens: %', tokens = ARRAY[advisory_lock.token('b'), advisory_lock.token('c')];
END
$$;
SELECT advisory_lock.unlock_all();

-- These should all fail, and hold nothing: in a transaction block,
BEGIN;
CALL advisory_lock.acquire('a');
ROLLBACK;
BEGIN;
CALL advisory_lock.acquire_many(ARRAY['a', 'b']);
ROLLBACK;
BEGIN;
CALL advisory_lock.acquire('a', permits => 2);
ROLLBACK;
-- in a function,
CREATE FUNCTION pg_temp.acquire_in_function() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    token bigint;
    permit integer;
BEGIN
    CALL advisory_lock.acquire('a', NULL, false, NULL, token, permit);
    RETURN token;
END
$$;
SELECT pg_temp.acquire_in_function();
-- in a block that catches errors, which is a subtransaction,
DO $$
DECLARE
    token bigint;
    permit integer;
BEGIN
    CALL advisory_lock.acquire('a', NULL, false, NULL, token, permit);
EXCEPTION WHEN division_by_zero THEN
    NULL;
END
$$;
-- and with bad arguments.
CALL advisory_lock.acquire(NULL);
CALL advisory_lock.acquire('');
CALL advisory_lock.acquire('a', permits => 0);
CALL advisory_lock.acquire('a', permits => -1);
CALL advisory_lock.acquire('a', permits => 2, shared => true);
CALL advisory_lock.acquire_many(ARRAY['a', NULL]);
:held

-- A procedure is not a function.
\set VERBOSITY sqlstate
SELECT advisory_lock.acquire('a');
\set VERBOSITY default

-- The transaction that the CALL began with is over: what was written before
-- is committed even if the wait fails.
CREATE TABLE written (t text);
CREATE PROCEDURE pg_temp.write_and_acquire() LANGUAGE plpgsql AS $$
DECLARE
    token bigint;
    permit integer;
BEGIN
    INSERT INTO written VALUES ('before');
    CALL advisory_lock.acquire('a', NULL, false, NULL, token, permit);
    INSERT INTO written VALUES ('after');
    RAISE division_by_zero;
END
$$;
CALL pg_temp.write_and_acquire();
TABLE written;
DROP TABLE written;
SELECT advisory_lock.unlock('a');
:held
