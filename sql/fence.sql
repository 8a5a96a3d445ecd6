--
-- The check at the resource
--

-- Tokens differ from run to run, and so do messages that show them.
\set VERBOSITY sqlstate
CREATE TABLE fenced_writes (t text);

SELECT advisory_lock.lock('x') AS first_token \gset
SELECT advisory_lock.unlock('x');
SELECT advisory_lock.lock('x') AS second_token \gset
SELECT :second_token > :first_token AS newer;

-- The older one passes until the newer one is seen.
SELECT advisory_lock.fence('x', :first_token);
SELECT advisory_lock.fence('x', :first_token);
SELECT advisory_lock.fence('x', :second_token);
SELECT advisory_lock.fence('x', :second_token);
SELECT advisory_lock.fence('x', :first_token);
SELECT name, token = :second_token AS second, fenced_at <= clock_timestamp() AS fenced
FROM advisory_lock.fences;

-- What the transaction wrote is gone with the refusal.
BEGIN;
INSERT INTO fenced_writes VALUES ('late');
SELECT advisory_lock.fence('x', :first_token);
INSERT INTO fenced_writes VALUES ('later');
COMMIT;
BEGIN;
INSERT INTO fenced_writes VALUES ('in time');
SELECT advisory_lock.fence('x', :second_token);
COMMIT;
TABLE fenced_writes;

-- What a transaction saw is forgotten when it rolls back.
SELECT advisory_lock.lock('y') AS token \gset
SELECT advisory_lock.lock('z') AS later_token \gset
BEGIN;
SELECT advisory_lock.fence('y', :later_token);
ROLLBACK;
SELECT advisory_lock.fence('y', :token);

-- Each name has a fence of its own, and the lock need not be held.
SELECT advisory_lock.fence('z', :token);
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.fence('z', :later_token);

-- Tokens that were never issued: 22023.
SELECT advisory_lock.fence('x', 0);
SELECT advisory_lock.fence('x', 1);
SELECT advisory_lock.fence('x', -1);
SELECT advisory_lock.fence('x', -9223372036854775808);
SELECT advisory_lock.fence('x', 9223372036854775807);
SELECT advisory_lock.fence('x', :later_token + 1000000);
SELECT advisory_lock.fence('x', :later_token + (1::bigint << 48));
-- The counter goes on from timeline to timeline, so this is in the future too.
SELECT advisory_lock.fence('x', :later_token + 1);

-- Nulls and names.
SELECT advisory_lock.fence('x', NULL);
SELECT advisory_lock.fence(NULL, :token);
SELECT advisory_lock.fence('', :token);
SELECT advisory_lock.fence(repeat('x', 1025), :token);
SELECT advisory_lock.fence(repeat('x', 1024), :token);

-- Where nothing can be written, nothing can be fenced.
BEGIN READ ONLY;
SELECT advisory_lock.fence('x', :second_token);
ROLLBACK;

-- What the messages say.
\set VERBOSITY default
SELECT advisory_lock.fence('x', 7);
SELECT advisory_lock.fence('x', NULL);
DO $$
DECLARE
    old_token bigint := advisory_lock.lock('message');
    new_token bigint;
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM advisory_lock.unlock('message');
    new_token := advisory_lock.lock('message');
    PERFORM advisory_lock.fence('message', new_token);
    PERFORM advisory_lock.fence('message', old_token);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    GET STACKED DIAGNOSTICS message = message_text, detail = pg_exception_detail,
        hint = pg_exception_hint;
    RAISE NOTICE '%', replace(replace(message || E'\n' || detail || E'\n' || hint,
        old_token::text, 'OLD'), new_token::text, 'NEW');
END
$$;
SELECT advisory_lock.unlock('message');

-- A search_path cannot lead it astray.
CREATE SCHEMA astray;
CREATE TABLE astray.fences (name text PRIMARY KEY, token bigint, fenced_at timestamptz);
CREATE FUNCTION astray.le(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR astray.<= (leftarg = bigint, rightarg = bigint, function = astray.le);
SET search_path = astray, pg_catalog;
SELECT advisory_lock.fence('x', :second_token);
SELECT count(*) FROM astray.fences;
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA astray CASCADE;
DROP TABLE fenced_writes;
