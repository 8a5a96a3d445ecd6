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

-- But neither see nor forge a token other than by the functions.
TABLE advisory_lock.fences;
INSERT INTO advisory_lock.fences VALUES ('a', 1, now(), current_user);
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

SELECT advisory_lock.unlock_all();
DROP SEQUENCE regress_advisory_lock_seq;
DROP ROLE regress_advisory_lock_user;
