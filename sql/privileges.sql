--
-- What an ordinary role may do, and what locking leaves undisturbed
--

CREATE ROLE regress_advisory_lock_user;
SET ROLE regress_advisory_lock_user;

-- All of it.
SELECT advisory_lock.lock('a') AS token \gset
SELECT advisory_lock.token('a') = :token AS token, advisory_lock.is_locked('a');
SELECT advisory_lock.fence('a', :token);
SELECT advisory_lock.unlock('a');
SELECT advisory_lock.try_lock_shared('a'), advisory_lock.unlock_shared('a');
SELECT advisory_lock.try_lock_many(ARRAY['a', 'b']), advisory_lock.unlock_many(ARRAY['a', 'b']);
SELECT advisory_lock.acquire_permit('pool', 1), advisory_lock.release_permit('pool', 1);
CALL advisory_lock.acquire('a', '1 s') \gset
SELECT advisory_lock.unlock_all();
SELECT advisory_lock.terminate_holders('a');
SET advisory_lock.allow_standby = on;
RESET advisory_lock.allow_standby;

-- But not hide from the registry what it does.
SET advisory_lock.track = off;
SELECT set_config('advisory_lock.track', 'off', false);

-- Nor change how many names there is room for.
\set VERBOSITY sqlstate
SET advisory_lock.max_names = 5000;
\set VERBOSITY default

-- Nor see nor forge a token other than by the functions.
TABLE advisory_lock.fences;
INSERT INTO advisory_lock.fences VALUES (1, 2, 2, 'a', 1, now(), current_user);
UPDATE advisory_lock.fences SET token = 1;
DELETE FROM advisory_lock.fences;
TRUNCATE advisory_lock.fences;
SELECT nextval('advisory_lock.token_sequence');
SELECT setval('advisory_lock.token_sequence', 1);
SELECT last_value FROM advisory_lock.token_sequence;
CREATE FUNCTION advisory_lock.intruder() RETURNS integer LANGUAGE sql AS 'SELECT 1';

RESET ROLE;

-- Nothing of the session's state is changed: not lastval(),
CREATE SEQUENCE regress_advisory_lock_seq START 77;
SELECT nextval('regress_advisory_lock_seq');
SELECT advisory_lock.lock('a') > 0 AS locked;
SELECT lastval();

-- not the transaction's ID, of which it has none,
BEGIN;
SELECT advisory_lock.xact_lock('b') > 0 AS locked;
SELECT count(advisory_lock.lock('a' || i)) FROM generate_series(1, 100) AS i;
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;

-- nor its being read-only.
BEGIN READ ONLY;
SELECT advisory_lock.xact_lock('b') > 0 AS locked;
SELECT advisory_lock.lock('b') > 0 AS locked;
SELECT advisory_lock.unlock('b');
SELECT advisory_lock.acquire_permit('pool', 1), advisory_lock.release_permit('pool', 1);
COMMIT;
SET default_transaction_read_only = on;
CALL advisory_lock.acquire('b') \gset
SELECT advisory_lock.token('b') = :token AS token;
RESET default_transaction_read_only;
SELECT advisory_lock.unlock_all();

-- The role changes back when the fence refuses.
SELECT advisory_lock.lock('c') AS old_token \gset
SELECT advisory_lock.unlock('c');
SELECT advisory_lock.lock('c') AS new_token \gset
SET ROLE regress_advisory_lock_user;
SELECT advisory_lock.fence('c', :new_token);
\set VERBOSITY sqlstate
SELECT advisory_lock.fence('c', :old_token);
\set VERBOSITY default
SELECT current_user;
DELETE FROM advisory_lock.fences;
RESET ROLE;

-- A fence belongs to the role that made it: its members may raise it, and the
-- owner of the database; nobody else may, with whatever token.
CREATE ROLE regress_advisory_lock_job;
CREATE ROLE regress_advisory_lock_member IN ROLE regress_advisory_lock_job;
CREATE ROLE regress_advisory_lock_apart NOINHERIT IN ROLE regress_advisory_lock_job;
SELECT advisory_lock.unlock('c');
SELECT advisory_lock.lock('c') AS token1 \gset
SELECT advisory_lock.unlock('c');
SELECT advisory_lock.lock('c') AS token2 \gset
SELECT advisory_lock.unlock('c');
SELECT advisory_lock.lock('c') AS token3 \gset
SET ROLE regress_advisory_lock_job;
SELECT advisory_lock.fence('theirs', :token1);
SET ROLE regress_advisory_lock_user;
SELECT advisory_lock.fence('theirs', :token3);
\set VERBOSITY sqlstate
SELECT advisory_lock.fence('theirs', :old_token);
SET ROLE regress_advisory_lock_apart;
SELECT advisory_lock.fence('theirs', :token3);
\set VERBOSITY default
RESET ROLE;
SELECT name, token = :token1 AS as_before, owner FROM advisory_lock.fences WHERE name = 'theirs';
SET ROLE regress_advisory_lock_member;
SELECT advisory_lock.fence('theirs', :token2);
SET ROLE pg_database_owner;
SELECT advisory_lock.fence('theirs', :token3);
SELECT name, token = :token3 AS newest, owner FROM advisory_lock.fences WHERE name = 'theirs';

-- Who calls through a SECURITY DEFINER function is the function's owner.
RESET ROLE;
CREATE FUNCTION regress_fence(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
AS $$ SELECT advisory_lock.fence('theirs', $1) $$;
ALTER FUNCTION regress_fence(bigint) OWNER TO regress_advisory_lock_job;
SET ROLE regress_advisory_lock_user;
SELECT regress_fence(:token3);
RESET ROLE;
ALTER FUNCTION regress_fence(bigint) OWNER TO regress_advisory_lock_user;
SET ROLE regress_advisory_lock_job;
\set VERBOSITY sqlstate
SELECT regress_fence(:token3);
\set VERBOSITY default
RESET ROLE;
DROP FUNCTION regress_fence(bigint);

-- When the role is gone, the owner of the database is left.
DROP ROLE regress_advisory_lock_member, regress_advisory_lock_apart, regress_advisory_lock_job;
SELECT advisory_lock.fence('theirs', :token3);
SET ROLE regress_advisory_lock_user;
\set VERBOSITY sqlstate
SELECT advisory_lock.fence('theirs', :token3);

-- Forgetting is the database owner's, and a forgotten name is as it was.
SELECT advisory_lock.forget_fences('0');
SELECT advisory_lock.raise_tokens(:token3);
RESET ROLE;
SELECT advisory_lock.forget_fences(NULL);
SELECT advisory_lock.forget_fences('-1 s');
\set VERBOSITY default
SELECT advisory_lock.forget_fences('178000000 years');
SET ROLE pg_database_owner;
SELECT advisory_lock.forget_fences('1 hour');
UPDATE advisory_lock.fences SET fenced_at = fenced_at - interval '2 hours' WHERE name = 'theirs';
SELECT advisory_lock.forget_fences('1 hour');
RESET ROLE;
SET ROLE regress_advisory_lock_user;
SELECT advisory_lock.fence('theirs', :token1);
RESET ROLE;
SELECT name, token = :token1 AS older, owner FROM advisory_lock.fences WHERE name = 'theirs';
SELECT advisory_lock.forget_fences('0') > 0 AS forgotten;
TABLE advisory_lock.fences;

-- A token is an order, not a secret. Who makes one up can show what was issued,
-- for a fence of his own, or one that nobody has raised yet, which is his then;
-- not what was not issued, nor anything for a fence of another's.
CREATE ROLE regress_advisory_lock_forger;
SELECT advisory_lock.lock('raised') AS raised \gset
SELECT advisory_lock.lock('not yet') AS issued \gset
SELECT advisory_lock.fence('raised', :raised);
\set VERBOSITY sqlstate
SET ROLE regress_advisory_lock_forger;
SELECT advisory_lock.fence('my own', :issued);
SELECT advisory_lock.fence('my own', :issued + 1);
SELECT advisory_lock.fence('raised', :issued);
SELECT advisory_lock.fence('raised', :issued + 1);
SELECT advisory_lock.fence('not yet', :issued);
SET ROLE regress_advisory_lock_user;
SELECT advisory_lock.fence('not yet', :issued);
\set VERBOSITY default
RESET ROLE;
SELECT name, token = :raised AS raised, token = :issued AS issued, owner = current_user AS own, owner = 'regress_advisory_lock_forger' AS forged
FROM advisory_lock.fences WHERE name IN ('my own', 'raised', 'not yet') ORDER BY name COLLATE "C";
DELETE FROM advisory_lock.fences;
DROP ROLE regress_advisory_lock_forger;

SELECT advisory_lock.unlock_all();
DROP SEQUENCE regress_advisory_lock_seq;
DROP ROLE regress_advisory_lock_user;
