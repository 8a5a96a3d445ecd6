/* advisory_lock--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION advisory_lock" to load this file. \quit

-- The schema is made here, and not taken over from anybody: so it is a member of
-- the extension, and nobody but a superuser can rename it, or put into it what
-- others would call.  The objects belong to the bootstrap superuser, whichever
-- superuser creates the extension; for an ordinary role that is so anyway.
SELECT pg_catalog.set_config('role', rolname, true)
  FROM pg_catalog.pg_authid
 WHERE oid = 10 AND rolname <> current_user;

CREATE SCHEMA advisory_lock;
COMMENT ON SCHEMA advisory_lock IS 'lock by name: the objects of the extension advisory_lock';
GRANT USAGE ON SCHEMA advisory_lock TO PUBLIC;

-- Fencing tokens: the last one reserved is the position of the sequence.  Only
-- the library moves it, see tokens/sequence.c.
CREATE SEQUENCE advisory_lock.token_sequence AS bigint MINVALUE 1 NO CYCLE CACHE 1;
COMMENT ON SEQUENCE advisory_lock.token_sequence IS 'the last fencing token reserved; moved by advisory_lock itself';

-- The newest fencing token seen for each lock, see fence(), by the key: of kind
-- 1 it is one bigint, whose halves are key1 and key2; of kind 2 it is two
-- integers, as that of a name.  There is no name where none was given.  Names are
-- compared by their bytes, which no new version of a locale's rules can change.
CREATE TABLE advisory_lock.fences
(
	key1 integer NOT NULL,
	key2 integer NOT NULL,
	kind integer NOT NULL,
	name text COLLATE pg_catalog."C",
	token bigint NOT NULL,
	fenced_at timestamp with time zone NOT NULL,
	owner name NOT NULL,
	PRIMARY KEY (key1, key2, kind)
)
USING heap;
COMMENT ON TABLE advisory_lock.fences IS 'the newest fencing token that advisory_lock.fence() saw, by lock';

-- What locks are for that are taken by their key, see label_key().  Of a key
-- that is one bigint, key1 and key2 are the halves.
CREATE TABLE advisory_lock.key_labels
(
	key1 integer,
	key2 integer,
	one_bigint boolean,
	label text NOT NULL,
	owner name NOT NULL,
	PRIMARY KEY (key1, key2, one_bigint)
)
USING heap;
COMMENT ON TABLE advisory_lock.key_labels IS 'the labels of locks that have a key and no name, see advisory_lock.label_key()';

-- What is held without a session, see acquire_lease(), by the key that excludes,
-- as in fences.  There is no name where it was taken by its key.  A renewal fits
-- into the same page and touches no index.  The library reads the columns up to
-- expires_at.
CREATE TABLE advisory_lock.leases
(
	key1 integer NOT NULL,
	key2 integer NOT NULL,
	kind integer NOT NULL,
	name text COLLATE pg_catalog."C",
	token bigint NOT NULL,
	holder text NOT NULL,
	owner name NOT NULL,
	acquired_at timestamp with time zone NOT NULL,
	expires_at timestamp with time zone NOT NULL,
	renewed_from timestamp with time zone NOT NULL,	-- when it would have expired
	released boolean NOT NULL,						-- but others are kept off
	PRIMARY KEY (key1, key2, kind)
)
USING heap WITH (fillfactor = 50);
COMMENT ON TABLE advisory_lock.leases IS 'locks that are held by a lease, and until when';

-- Who asks for a lease again and again, in which order, see queue_lease().
CREATE TABLE advisory_lock.lease_queue
(
	key1 integer NOT NULL,
	key2 integer NOT NULL,
	kind integer NOT NULL,
	ticket bigint NOT NULL,
	owner name NOT NULL,
	asks_until timestamp with time zone NOT NULL,
	PRIMARY KEY (key1, key2, kind, ticket)
)
USING heap WITH (fillfactor = 50);
COMMENT ON TABLE advisory_lock.lease_queue IS 'who asks for a lease, in the order in which they came';

-- The newest run under each lock that has succeeded, see record_run().
CREATE TABLE advisory_lock.runs
(
	key1 integer NOT NULL,
	key2 integer NOT NULL,
	kind integer NOT NULL,
	name text COLLATE pg_catalog."C",
	token bigint NOT NULL,
	started_at timestamp with time zone NOT NULL,
	recorded_at timestamp with time zone NOT NULL,
	owner name NOT NULL,
	PRIMARY KEY (key1, key2, kind)
)
USING heap;
COMMENT ON TABLE advisory_lock.runs IS 'the newest run that advisory_lock.record_run() was told of, by lock';

-- What was fenced off stays so in a restored database, and what is leased.
SELECT pg_catalog.pg_extension_config_dump('advisory_lock.token_sequence', '');
SELECT pg_catalog.pg_extension_config_dump('advisory_lock.fences', '');
SELECT pg_catalog.pg_extension_config_dump('advisory_lock.key_labels', '');
SELECT pg_catalog.pg_extension_config_dump('advisory_lock.leases', 'WHERE expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()');
SELECT pg_catalog.pg_extension_config_dump('advisory_lock.runs', '');

-- Who owns the database dumps and restores it.  No grant option: the dump of
-- such a grant could not be restored.
GRANT SELECT, INSERT, UPDATE, DELETE ON advisory_lock.fences, advisory_lock.key_labels, advisory_lock.leases, advisory_lock.lease_queue, advisory_lock.runs TO pg_database_owner;
GRANT SELECT, UPDATE ON SEQUENCE advisory_lock.token_sequence TO pg_database_owner;

CREATE FUNCTION advisory_lock.key(name text, OUT key1 integer, OUT key2 integer)
RETURNS record
AS 'MODULE_PATHNAME', 'advisory_lock_key'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION advisory_lock.key(name text, OUT key1 integer, OUT key2 integer) IS 'the two keys of a name, as pg_advisory_lock(int4, int4) takes them';

CREATE FUNCTION advisory_lock.lock(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock(name text) IS 'acquire a session-level lock, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.lock_shared(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock_shared'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock_shared(name text) IS 'acquire a session-level lock in shared mode, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.try_lock(name text, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock(name text, timeout interval) IS 'acquire a session-level lock, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_lock_shared(name text, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_shared'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock_shared(name text, timeout interval) IS 'acquire a session-level lock in shared mode, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.unlock(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock(name text) IS 'release a session-level lock once; false if it was not held';

CREATE FUNCTION advisory_lock.unlock_shared(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_shared'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock_shared(name text) IS 'release a session-level lock in shared mode once; false if it was not held';

CREATE FUNCTION advisory_lock.unlock_all()
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_all'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock_all() IS 'release every named session-level lock of this session; how many names';

CREATE FUNCTION advisory_lock.xact_lock(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock(name text) IS 'acquire a lock until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.xact_lock_shared(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock_shared'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock_shared(name text) IS 'acquire a lock in shared mode until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.try_xact_lock(name text, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock(name text, timeout interval) IS 'acquire a lock until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_xact_lock_shared(name text, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock_shared'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock_shared(name text, timeout interval) IS 'acquire a lock in shared mode until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.lock_many(names text[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'advisory_lock_lock_many'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock_many(names text[]) IS 'acquire several session-level locks, all or none, in key order; the fencing tokens';

CREATE FUNCTION advisory_lock.try_lock_many(names text[], timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_many'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock_many(names text[], timeout interval) IS 'acquire several session-level locks, all or none, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.unlock_many(names text[])
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_many'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock_many(names text[]) IS 'release several session-level locks once each; how many were released';

CREATE FUNCTION advisory_lock.acquire_permit(name text, permits integer, timeout interval DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_permit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.acquire_permit(name text, permits integer, timeout interval) IS 'acquire one of so many permits, session-level; its number, or NULL when the time ran out';

CREATE FUNCTION advisory_lock.release_permit(name text, permit integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_release_permit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.release_permit(name text, permit integer) IS 'release a permit; false if it was not held';

CREATE FUNCTION advisory_lock.token(name text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.token(name text) IS 'the fencing token of the lock this session holds, NULL if it does not';

CREATE FUNCTION advisory_lock.is_locked(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_is_locked'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.is_locked(name text) IS 'does any session hold the lock, in any mode';

CREATE FUNCTION advisory_lock.fence(name text, token bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_fence'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.fence(name text, token bigint) IS 'fail unless the token is the newest seen for the name; lock out others until the transaction ends';

CREATE FUNCTION advisory_lock.forget_fences(older_than interval)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_forget_fences'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.forget_fences(older_than interval) IS 'forget the fences that nobody has raised for so long; how many';

-- A token that was refused would pass again: for the database's owner to decide.
REVOKE EXECUTE ON FUNCTION advisory_lock.forget_fences(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advisory_lock.forget_fences(interval) TO pg_database_owner;

CREATE FUNCTION advisory_lock.raise_tokens(above bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_raise_tokens'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.raise_tokens(above bigint) IS 'give no fencing token at or below this number any more';

-- Who could raise them to the end could leave none: for the database's owner.
REVOKE EXECUTE ON FUNCTION advisory_lock.raise_tokens(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advisory_lock.raise_tokens(bigint) TO pg_database_owner;

CREATE FUNCTION advisory_lock.acquire_lease(name text, duration interval, timeout interval DEFAULT interval '0', holder text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_lease'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.acquire_lease(text, interval, interval, text) IS 'hold a name for so long without a session; the fencing token, or NULL when the time ran out';

CREATE FUNCTION advisory_lock.renew_lease(name text, token bigint, duration interval)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_renew_lease'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.renew_lease(text, bigint, interval) IS 'hold it for so long from now; until when, or NULL if it is no longer ours';

CREATE FUNCTION advisory_lock.release_lease(name text, token bigint, at_least interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_release_lease'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.release_lease(text, bigint, interval) IS 'end a lease; false if it was no longer ours; with at_least others are kept off until so long after it was acquired';

CREATE FUNCTION advisory_lock.queue_lease(name text, duration interval, INOUT ticket bigint DEFAULT NULL, holder text DEFAULT NULL,
							OUT token bigint, OUT ahead integer, OUT held_by text, OUT held_until timestamp with time zone)
RETURNS record
AS 'MODULE_PATHNAME', 'advisory_lock_queue_lease'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.queue_lease(text, interval, INOUT bigint, text) IS 'ask for a lease in turn, again and again with the same ticket; the token is NULL until it is our turn';

CREATE FUNCTION advisory_lock.leave_lease_queue(name text, ticket bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_leave_lease_queue'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.leave_lease_queue(text, bigint) IS 'no longer ask for a lease; false if nobody asked with this ticket';

CREATE FUNCTION advisory_lock.last_run(name text)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_last_run'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.last_run(text) IS 'when the newest run that has succeeded began, NULL if there was none';

CREATE FUNCTION advisory_lock.record_run(name text, token bigint, started_at timestamp with time zone)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_record_run'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.record_run(text, bigint, timestamp with time zone) IS 'a run has succeeded; fails unless the token is the newest';

-- However a row gets into leases, other sessions learn that they must look.
CREATE FUNCTION advisory_lock.note_lease()
RETURNS trigger
AS 'MODULE_PATHNAME', 'advisory_lock_note_lease'
LANGUAGE C;
COMMENT ON FUNCTION advisory_lock.note_lease() IS 'for the trigger on advisory_lock.leases';
CREATE TRIGGER note_lease BEFORE INSERT OR UPDATE ON advisory_lock.leases
FOR EACH ROW EXECUTE FUNCTION advisory_lock.note_lease();
ALTER TABLE advisory_lock.leases ENABLE ALWAYS TRIGGER note_lease;

-- A publication of all tables has these, too.  What comes by it must not meet
-- with a row that is there, or the whole subscription would stop.
CREATE FUNCTION advisory_lock.replace_row()
RETURNS trigger
AS 'MODULE_PATHNAME', 'advisory_lock_replace_row'
LANGUAGE C;
COMMENT ON FUNCTION advisory_lock.replace_row() IS 'for the triggers on what comes by logical replication';
CREATE TRIGGER replace_row BEFORE INSERT OR UPDATE ON advisory_lock.fences
FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
CREATE TRIGGER replace_row BEFORE INSERT OR UPDATE ON advisory_lock.key_labels
FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
CREATE TRIGGER replace_row BEFORE INSERT OR UPDATE ON advisory_lock.leases
FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
CREATE TRIGGER replace_row BEFORE INSERT OR UPDATE ON advisory_lock.lease_queue
FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
CREATE TRIGGER replace_row BEFORE INSERT OR UPDATE ON advisory_lock.runs
FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
ALTER TABLE advisory_lock.fences ENABLE REPLICA TRIGGER replace_row;
ALTER TABLE advisory_lock.key_labels ENABLE REPLICA TRIGGER replace_row;
ALTER TABLE advisory_lock.leases ENABLE REPLICA TRIGGER replace_row;
ALTER TABLE advisory_lock.lease_queue ENABLE REPLICA TRIGGER replace_row;
ALTER TABLE advisory_lock.runs ENABLE REPLICA TRIGGER replace_row;

CREATE FUNCTION advisory_lock.terminate_holders(name text)
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_terminate_holders'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.terminate_holders(name text) IS 'terminate the sessions that hold the lock, by the rules of pg_terminate_backend(), and end its lease; how many';

-- The functions for one lock once more, for a lock that has no name: by its
-- key, in either of core's key spaces.  The same C functions.  With two integers
-- a timeout has no default: try_lock('job', '5 s') could not be told apart.

CREATE FUNCTION advisory_lock.lock(key bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock(key bigint) IS 'acquire a session-level lock, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.lock(key1 integer, key2 integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock(key1 integer, key2 integer) IS 'acquire a session-level lock, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.lock_shared(key bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock_shared(key bigint) IS 'acquire a session-level lock in shared mode, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.lock_shared(key1 integer, key2 integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.lock_shared(key1 integer, key2 integer) IS 'acquire a session-level lock in shared mode, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.try_lock(key bigint, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock(key bigint, timeout interval) IS 'acquire a session-level lock, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_lock(key1 integer, key2 integer, timeout interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock(key1 integer, key2 integer, timeout interval) IS 'acquire a session-level lock, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_lock_shared(key bigint, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock_shared(key bigint, timeout interval) IS 'acquire a session-level lock in shared mode, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_lock_shared(key1 integer, key2 integer, timeout interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_lock_shared(key1 integer, key2 integer, timeout interval) IS 'acquire a session-level lock in shared mode, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.unlock(key bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock(key bigint) IS 'release a session-level lock once; false if it was not held';

CREATE FUNCTION advisory_lock.unlock(key1 integer, key2 integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock(key1 integer, key2 integer) IS 'release a session-level lock once; false if it was not held';

CREATE FUNCTION advisory_lock.unlock_shared(key bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock_shared(key bigint) IS 'release a session-level lock in shared mode once; false if it was not held';

CREATE FUNCTION advisory_lock.unlock_shared(key1 integer, key2 integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_unlock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.unlock_shared(key1 integer, key2 integer) IS 'release a session-level lock in shared mode once; false if it was not held';

CREATE FUNCTION advisory_lock.xact_lock(key bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock(key bigint) IS 'acquire a lock until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.xact_lock(key1 integer, key2 integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock(key1 integer, key2 integer) IS 'acquire a lock until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.xact_lock_shared(key bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock_shared(key bigint) IS 'acquire a lock in shared mode until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.xact_lock_shared(key1 integer, key2 integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_xact_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.xact_lock_shared(key1 integer, key2 integer) IS 'acquire a lock in shared mode until the transaction ends, waiting as long as it takes; the fencing token';

CREATE FUNCTION advisory_lock.try_xact_lock(key bigint, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock(key bigint, timeout interval) IS 'acquire a lock until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_xact_lock(key1 integer, key2 integer, timeout interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock(key1 integer, key2 integer, timeout interval) IS 'acquire a lock until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_xact_lock_shared(key bigint, timeout interval DEFAULT interval '0')
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock_shared(key bigint, timeout interval) IS 'acquire a lock in shared mode until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.try_xact_lock_shared(key1 integer, key2 integer, timeout interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_try_xact_lock_shared_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.try_xact_lock_shared(key1 integer, key2 integer, timeout interval) IS 'acquire a lock in shared mode until the transaction ends, waiting for the timeout at most';

CREATE FUNCTION advisory_lock.token(key bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_token_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.token(key bigint) IS 'the fencing token of the lock this session holds, NULL if it does not';

CREATE FUNCTION advisory_lock.token(key1 integer, key2 integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_token_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.token(key1 integer, key2 integer) IS 'the fencing token of the lock this session holds, NULL if it does not';

CREATE FUNCTION advisory_lock.is_locked(key bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_is_locked_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.is_locked(key bigint) IS 'does any session hold the lock, in any mode';

CREATE FUNCTION advisory_lock.is_locked(key1 integer, key2 integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_is_locked_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.is_locked(key1 integer, key2 integer) IS 'does any session hold the lock, in any mode';

CREATE FUNCTION advisory_lock.terminate_holders(key bigint)
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_terminate_holders_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.terminate_holders(key bigint) IS 'terminate the sessions that hold the lock, by the rules of pg_terminate_backend(); how many';

CREATE FUNCTION advisory_lock.terminate_holders(key1 integer, key2 integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'advisory_lock_terminate_holders_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.terminate_holders(key1 integer, key2 integer) IS 'terminate the sessions that hold the lock, by the rules of pg_terminate_backend(); how many';

CREATE FUNCTION advisory_lock.fence(key bigint, token bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_fence_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.fence(key bigint, token bigint) IS 'fail unless the token is the newest seen for the key; lock out others until the transaction ends';

CREATE FUNCTION advisory_lock.fence(key1 integer, key2 integer, token bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_fence_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.fence(key1 integer, key2 integer, token bigint) IS 'fail unless the token is the newest seen for the key; lock out others until the transaction ends';

-- With two integers nothing has a default here either, as in acquire().

CREATE FUNCTION advisory_lock.acquire_lease(key bigint, duration interval, timeout interval DEFAULT interval '0', holder text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.acquire_lease(bigint, interval, interval, text) IS 'hold a lock for so long without a session; the fencing token, or NULL when the time ran out';

CREATE FUNCTION advisory_lock.acquire_lease(key1 integer, key2 integer, duration interval, timeout interval, holder text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.acquire_lease(integer, integer, interval, interval, text) IS 'hold a lock for so long without a session; the fencing token, or NULL when the time ran out';

CREATE FUNCTION advisory_lock.renew_lease(key bigint, token bigint, duration interval)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_renew_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.renew_lease(bigint, bigint, interval) IS 'hold it for so long from now; until when, or NULL if it is no longer ours';

CREATE FUNCTION advisory_lock.renew_lease(key1 integer, key2 integer, token bigint, duration interval)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_renew_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.renew_lease(integer, integer, bigint, interval) IS 'hold it for so long from now; until when, or NULL if it is no longer ours';

CREATE FUNCTION advisory_lock.release_lease(key bigint, token bigint, at_least interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_release_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.release_lease(bigint, bigint, interval) IS 'end a lease; false if it was no longer ours; with at_least others are kept off until so long after it was acquired';

CREATE FUNCTION advisory_lock.release_lease(key1 integer, key2 integer, token bigint, at_least interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_release_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.release_lease(integer, integer, bigint, interval) IS 'end a lease; false if it was no longer ours; with at_least others are kept off until so long after it was acquired';

CREATE FUNCTION advisory_lock.queue_lease(key bigint, duration interval, INOUT ticket bigint DEFAULT NULL, holder text DEFAULT NULL,
							OUT token bigint, OUT ahead integer, OUT held_by text, OUT held_until timestamp with time zone)
RETURNS record
AS 'MODULE_PATHNAME', 'advisory_lock_queue_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.queue_lease(bigint, interval, INOUT bigint, text) IS 'ask for a lease in turn, again and again with the same ticket; the token is NULL until it is our turn';

CREATE FUNCTION advisory_lock.queue_lease(key1 integer, key2 integer, duration interval, INOUT ticket bigint, holder text,
							OUT token bigint, OUT ahead integer, OUT held_by text, OUT held_until timestamp with time zone)
RETURNS record
AS 'MODULE_PATHNAME', 'advisory_lock_queue_lease_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.queue_lease(integer, integer, interval, INOUT bigint, text) IS 'ask for a lease in turn, again and again with the same ticket; the token is NULL until it is our turn';

CREATE FUNCTION advisory_lock.leave_lease_queue(key bigint, ticket bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_leave_lease_queue_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.leave_lease_queue(bigint, bigint) IS 'no longer ask for a lease; false if nobody asked with this ticket';

CREATE FUNCTION advisory_lock.leave_lease_queue(key1 integer, key2 integer, ticket bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_leave_lease_queue_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.leave_lease_queue(integer, integer, bigint) IS 'no longer ask for a lease; false if nobody asked with this ticket';

CREATE FUNCTION advisory_lock.last_run(key bigint)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_last_run_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.last_run(bigint) IS 'when the newest run that has succeeded began, NULL if there was none';

CREATE FUNCTION advisory_lock.last_run(key1 integer, key2 integer)
RETURNS timestamp with time zone
AS 'MODULE_PATHNAME', 'advisory_lock_last_run_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.last_run(integer, integer) IS 'when the newest run that has succeeded began, NULL if there was none';

CREATE FUNCTION advisory_lock.record_run(key bigint, token bigint, started_at timestamp with time zone)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_record_run_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.record_run(bigint, bigint, timestamp with time zone) IS 'a run has succeeded; fails unless the token is the newest';

CREATE FUNCTION advisory_lock.record_run(key1 integer, key2 integer, token bigint, started_at timestamp with time zone)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_record_run_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.record_run(integer, integer, bigint, timestamp with time zone) IS 'a run has succeeded; fails unless the token is the newest';

CREATE FUNCTION advisory_lock.reset_stats(name text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_reset_stats'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.reset_stats(name text) IS 'begin the statistics of a name anew, or of all names and keys';

CREATE FUNCTION advisory_lock.reset_stats(key bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_reset_stats_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.reset_stats(key bigint) IS 'begin the statistics of a key anew';

CREATE FUNCTION advisory_lock.reset_stats(key1 integer, key2 integer)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_reset_stats_by_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.reset_stats(key1 integer, key2 integer) IS 'begin the statistics of a key anew';

-- Statistics are everybody's: the database's owner alone may reset them.
REVOKE EXECUTE ON FUNCTION advisory_lock.reset_stats(text), advisory_lock.reset_stats(bigint), advisory_lock.reset_stats(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advisory_lock.reset_stats(text), advisory_lock.reset_stats(bigint), advisory_lock.reset_stats(integer, integer) TO pg_database_owner;

-- Procedures end the transaction before they wait, and so hold no snapshot.

CREATE PROCEDURE advisory_lock.acquire(name text, timeout interval DEFAULT NULL,
						 shared boolean DEFAULT false, permits integer DEFAULT NULL,
						 INOUT token bigint DEFAULT NULL, INOUT permit integer DEFAULT NULL)
AS 'MODULE_PATHNAME', 'advisory_lock_acquire'
LANGUAGE C;
COMMENT ON PROCEDURE advisory_lock.acquire(text, interval, boolean, integer, INOUT bigint, INOUT integer) IS 'acquire a session-level lock or a permit, waiting without a snapshot; the token is NULL when the time ran out';

CREATE PROCEDURE advisory_lock.acquire(key bigint, timeout interval DEFAULT NULL,
						 shared boolean DEFAULT false, INOUT token bigint DEFAULT NULL)
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_by_key'
LANGUAGE C;
COMMENT ON PROCEDURE advisory_lock.acquire(bigint, interval, boolean, INOUT bigint) IS 'acquire a session-level lock, waiting without a snapshot; the token is NULL when the time ran out';

-- Without defaults, for the same reason as try_lock().
CREATE PROCEDURE advisory_lock.acquire(key1 integer, key2 integer, timeout interval, shared boolean, INOUT token bigint)
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_by_key'
LANGUAGE C;
COMMENT ON PROCEDURE advisory_lock.acquire(integer, integer, interval, boolean, INOUT bigint) IS 'acquire a session-level lock, waiting without a snapshot; the token is NULL when the time ran out';

CREATE PROCEDURE advisory_lock.acquire_many(names text[], timeout interval DEFAULT NULL,
							  INOUT tokens bigint[] DEFAULT NULL)
AS 'MODULE_PATHNAME', 'advisory_lock_acquire_many'
LANGUAGE C;
COMMENT ON PROCEDURE advisory_lock.acquire_many(text[], interval, INOUT bigint[]) IS 'acquire several session-level locks, all or none, waiting without a snapshot; the tokens are NULL when the time ran out';

-- The views.  Rows of locks are those of the live lock table, so nothing can
-- make them wrong; the registry adds what it knows.

CREATE FUNCTION advisory_lock.name_statistics(OUT name text, OUT acquisitions bigint, OUT waits bigint, OUT timeouts bigint,
								OUT total_wait_time double precision, OUT max_wait_time double precision,
								OUT total_hold_time double precision, OUT max_hold_time double precision,
								OUT last_acquired_at timestamp with time zone,
								OUT stats_since timestamp with time zone,
								OUT key1 integer, OUT key2 integer, OUT one_bigint boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'advisory_lock_name_statistics'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.name_statistics() IS 'statistics by name or key; for the view advisory_lock.stats';

CREATE FUNCTION advisory_lock.registry_counters(OUT names bigint, OUT max_names bigint, OUT evicted bigint, OUT untracked bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'advisory_lock_registry_counters'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.registry_counters() IS 'how full the registry is; for the view advisory_lock.registry';

CREATE FUNCTION advisory_lock.has_registry()
RETURNS boolean
AS 'MODULE_PATHNAME', 'advisory_lock_has_registry'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.has_registry() IS 'are names, statistics and delays kept';

CREATE FUNCTION advisory_lock.tool(key bigint)
RETURNS text
AS 'MODULE_PATHNAME', 'advisory_lock_tool'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.tool(key bigint) IS 'the program that locks by this key in this database, NULL if none is known';

CREATE FUNCTION advisory_lock.tool(key1 integer, key2 integer)
RETURNS text
AS 'MODULE_PATHNAME', 'advisory_lock_tool'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.tool(key1 integer, key2 integer) IS 'the program that locks by this key in this database, NULL if none is known';

CREATE FUNCTION advisory_lock.label_key(key bigint, label text)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_label_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.label_key(key bigint, label text) IS 'what the view locks shows as the name of a key that has none; NULL removes it';

CREATE FUNCTION advisory_lock.label_key(key1 integer, key2 integer, label text)
RETURNS void
AS 'MODULE_PATHNAME', 'advisory_lock_label_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advisory_lock.label_key(key1 integer, key2 integer, label text) IS 'what the view locks shows as the name of a key that has none; NULL removes it';

-- Labels are for all to go by: for the database's owner to give.
REVOKE EXECUTE ON FUNCTION advisory_lock.label_key(bigint, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION advisory_lock.label_key(integer, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advisory_lock.label_key(bigint, text) TO pg_database_owner;
GRANT EXECUTE ON FUNCTION advisory_lock.label_key(integer, integer, text) TO pg_database_owner;

CREATE FUNCTION advisory_lock.labels(OUT key1 integer, OUT key2 integer, OUT one_bigint boolean, OUT label text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'advisory_lock_labels'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.labels() IS 'labels of keys; for the view advisory_lock.stats';

CREATE FUNCTION advisory_lock.keys_of_tools(OUT tool text, OUT key bigint, OUT key1 integer, OUT key2 integer,
							  OUT schema_name name)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'advisory_lock_keys_of_tools'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.keys_of_tools() IS 'keys by which other programs lock; for the view advisory_lock.known_keys';

CREATE FUNCTION advisory_lock.lock_rows(OUT name text, OUT mode text, OUT granted boolean, OUT pid integer,
						  OUT usename name, OUT application_name text, OUT client_addr inet,
						  OUT acquired_at timestamp with time zone,
						  OUT waiting_since timestamp with time zone,
						  OUT token bigint, OUT blocked_by integer[], OUT key1 integer, OUT key2 integer,
						  OUT delayed_until timestamp with time zone, OUT delay_reason text,
						  OUT key bigint, OUT held_by text, OUT expires_at timestamp with time zone,
						  OUT queued boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'advisory_lock_lock_rows'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.lock_rows() IS 'who holds or awaits which lock; for the view advisory_lock.locks';

CREATE FUNCTION advisory_lock.blockers(pid integer)
RETURNS integer[]
AS 'MODULE_PATHNAME', 'advisory_lock_blockers'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advisory_lock.blockers(integer) IS 'as pg_blocking_pids(), but left out where it is not asked for; for the view advisory_lock.locks';

-- What costs more than the rest is called here, and only for who reads that
-- column: so it is not volatile, see the planner's is_simple_subquery().
CREATE VIEW advisory_lock.locks WITH (security_invoker = true) AS
SELECT l.name, l.mode, l.granted, l.pid, l.usename, l.application_name, l.client_addr,
	   l.acquired_at, l.waiting_since, l.token,
	   CASE WHEN l.queued THEN advisory_lock.blockers(l.pid) ELSE l.blocked_by END AS blocked_by,
	   l.key1, l.key2, l.delayed_until, l.delay_reason, l.key,
	   COALESCE(advisory_lock.tool(l.key), advisory_lock.tool(l.key1, l.key2)) AS tool,
	   l.held_by, l.expires_at
  FROM advisory_lock.lock_rows() l;
COMMENT ON VIEW advisory_lock.locks IS 'who holds or awaits which lock, by name or by key';

CREATE VIEW advisory_lock.stats WITH (security_invoker = true) AS
SELECT COALESCE(s.name, given.label) AS name, s.acquisitions, s.waits, s.timeouts, s.total_wait_time, s.max_wait_time,
	   s.total_hold_time, s.max_hold_time, s.last_acquired_at, s.stats_since,
	   k.key,
	   CASE WHEN NOT s.one_bigint THEN s.key1 END AS key1,
	   CASE WHEN NOT s.one_bigint THEN s.key2 END AS key2,
	   CASE WHEN s.one_bigint THEN advisory_lock.tool(k.key) ELSE advisory_lock.tool(s.key1, s.key2) END AS tool
  FROM advisory_lock.name_statistics() s
	   CROSS JOIN LATERAL (SELECT CASE WHEN s.one_bigint THEN s.key1::bigint << 32 | (s.key2::bigint & 4294967295) END AS key) k
	   LEFT JOIN advisory_lock.labels() given ON given.key1 = s.key1 AND given.key2 = s.key2 AND given.one_bigint = s.one_bigint;
COMMENT ON VIEW advisory_lock.stats IS 'statistics by name or by key, times in milliseconds';

CREATE VIEW advisory_lock.registry WITH (security_invoker = true) AS SELECT * FROM advisory_lock.registry_counters();
COMMENT ON VIEW advisory_lock.registry IS 'how full the registry of names is';

CREATE VIEW advisory_lock.known_keys WITH (security_invoker = true) AS SELECT * FROM advisory_lock.keys_of_tools();
COMMENT ON VIEW advisory_lock.known_keys IS 'keys by which other programs lock this database and its schemas';

GRANT SELECT ON advisory_lock.locks, advisory_lock.stats, advisory_lock.registry, advisory_lock.known_keys TO PUBLIC;
