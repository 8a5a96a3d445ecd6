--
-- Leases and runs by key, without a name
--

\set VERBOSITY terse
-- Each form has its own lock, which a session takes by the same key.
SELECT advisory_lock.acquire_lease(72707369, '1 min', holder => 'me') AS token \gset
SELECT advisory_lock.acquire_lease(72707369, '1 min') AS second, advisory_lock.is_locked(72707369),
    advisory_lock.is_locked('72707369'), advisory_lock.is_locked(0, 72707369);
SELECT name, mode, granted, pid, held_by, expires_at > now() + '50 s' AS lasts, token = :token AS token, key1, key2, key, tool
FROM advisory_lock.locks;
SELECT advisory_lock.try_lock(72707369), advisory_lock.try_lock_shared(72707369), advisory_lock.try_xact_lock(72707369),
    advisory_lock.try_xact_lock_shared(72707369), advisory_lock.try_lock(72707369, '20 ms'), advisory_lock.try_lock(0, 72707369, '0');
CALL advisory_lock.acquire(72707369, '10 ms');
SET lock_timeout = '50 ms';
SELECT advisory_lock.lock(72707369);
RESET lock_timeout;
SELECT advisory_lock.acquire_lease(0, 72707369, '1 min', '0', NULL) > 0 AS held_by_this_session;
SELECT count(*) FROM advisory_lock.leases;
SELECT advisory_lock.unlock(0, 72707369), advisory_lock.terminate_holders(0, 72707369);
SELECT advisory_lock.renew_lease(72707369, :token, '1 h') > now() + '59 min' AS renewed,
    advisory_lock.renew_lease(72707369, :token - 1, '1 h') IS NULL AS not_ours,
    advisory_lock.renew_lease(0, 72707369, :token, '1 h') IS NULL AS another_lock,
    advisory_lock.renew_lease('72707369', :token, '1 h') IS NULL AS a_name;
SELECT advisory_lock.release_lease(72707369, :token - 1), advisory_lock.release_lease(0, 72707369, :token, NULL),
    advisory_lock.release_lease('72707369', :token), advisory_lock.release_lease(72707369, :token),
    advisory_lock.release_lease(72707369, :token);
SELECT advisory_lock.lock(72707369) > :token AS newer, advisory_lock.unlock(72707369);

-- Two integers.
SELECT advisory_lock.acquire_lease(-1497367772, -977423767, '1 min', '0', 'me') AS token \gset
SELECT name, held_by, key1, key2, key, tool FROM advisory_lock.locks;
SELECT advisory_lock.try_lock(-1497367772, -977423767, '0'), advisory_lock.acquire_lease(-1497367772, -977423767, '1 min', '10 ms', NULL),
    advisory_lock.is_locked(-1497367772::bigint << 32 | (-977423767 & 4294967295));
SELECT advisory_lock.renew_lease(-1497367772, -977423767, :token, '1 h') > now() + '59 min' AS renewed;
SELECT advisory_lock.release_lease(-1497367772, -977423767, :token, '1 h');
SELECT advisory_lock.try_lock(-1497367772, -977423767, '0'), expires_at = acquired_at + '1 h' AS kept_off, released
FROM advisory_lock.leases;
BEGIN;
SELECT advisory_lock.terminate_holders(-1497367772, -977423767);
SELECT advisory_lock.try_lock(-1497367772, -977423767, '0');
ROLLBACK;
SELECT advisory_lock.terminate_holders(-1497367772, -977423767), advisory_lock.is_locked(-1497367772, -977423767);

-- The ends of what can be a key.
SELECT advisory_lock.acquire_lease(k, '1 min') > 0 AS taken
FROM unnest('{-9223372036854775808,9223372036854775807,-1,0}'::bigint[]) AS k;
SELECT advisory_lock.acquire_lease(k, ~k, '1 min', '0', NULL) > 0 AS taken FROM unnest('{-2147483648,2147483647,0}'::integer[]) AS k;
SELECT key1, key2, key FROM advisory_lock.locks WHERE held_by IS NOT NULL ORDER BY key, key1;
SELECT sum(advisory_lock.terminate_holders(key)) FROM advisory_lock.locks WHERE key IS NOT NULL;
SELECT sum(advisory_lock.terminate_holders(key1, key2)) FROM advisory_lock.locks WHERE key1 IS NOT NULL;
SELECT count(*) FROM advisory_lock.leases;

-- A name and its key are one lock, however it is leased.
SELECT advisory_lock.acquire_lease('test-lock', '1 min') AS token \gset
SELECT advisory_lock.acquire_lease(-107789403, -1898803861, '1 min', '0', NULL), advisory_lock.try_lock(-107789403, -1898803861, '0'),
    advisory_lock.renew_lease(-107789403, -1898803861, :token, '1 h') > now() AS renewed,
    advisory_lock.release_lease(-107789403, -1898803861, :token, NULL);
SELECT advisory_lock.acquire_lease(-107789403, -1898803861, '1 min', '0', NULL) AS token \gset
SELECT name FROM advisory_lock.leases;
SELECT advisory_lock.acquire_lease('test-lock', '1 min'), advisory_lock.try_lock('test-lock'),
    advisory_lock.renew_lease('test-lock', :token, '1 h') > now() AS renewed, advisory_lock.release_lease('test-lock', :token);
-- What is over makes way for the other, with its name.
INSERT INTO advisory_lock.leases SELECT key1, key2, 2, 'test-lock', 1, 'me', current_user, '-infinity', '-infinity', '-infinity', false
  FROM advisory_lock.key('test-lock');
SELECT advisory_lock.acquire_lease(-107789403, -1898803861, '1 min', '0', NULL) > 1 AS taken, advisory_lock.is_locked('test-lock');
SELECT name, holder <> 'me' AS newer FROM advisory_lock.leases;
SELECT advisory_lock.terminate_holders('test-lock');

-- What an argument is taken for: an untyped literal is a name, ...
SELECT advisory_lock.acquire_lease('123', '1 min') > 0 AS taken, advisory_lock.acquire_lease('124', '1 min', '0', 'me') > 0 AS taken;
PREPARE untyped AS SELECT advisory_lock.acquire_lease($1, $2), advisory_lock.acquire_lease($1, $2, $3, $4),
    advisory_lock.renew_lease($1, $5, $2), advisory_lock.release_lease($1, $5), advisory_lock.release_lease($1, $5, $2),
    advisory_lock.queue_lease($1, $2, $5, $4), advisory_lock.leave_lease_queue($1, $5), advisory_lock.last_run($1),
    advisory_lock.record_run($1, $5, $6);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
-- ... so is what is a string by its type, ...
CREATE DOMAIN pg_temp.job_name AS text CHECK (VALUE <> '');
SELECT advisory_lock.acquire_lease('125'::pg_temp.job_name, '1 min') > 0 AS taken, advisory_lock.acquire_lease('126'::varchar, '1 min') > 0 AS taken,
    advisory_lock.acquire_lease('127'::name, '1 min') > 0 AS taken;
-- ... and every integer is a key.
CREATE DOMAIN pg_temp.job_id AS bigint;
SELECT advisory_lock.acquire_lease(128::smallint, '1 min') > 0 AS taken, advisory_lock.acquire_lease(129::integer, '1 min') > 0 AS taken,
    advisory_lock.acquire_lease(130::pg_temp.job_id, '1 min') > 0 AS taken,
    advisory_lock.acquire_lease(131::smallint, 132::smallint, '1 min', '0', NULL) > 0 AS taken;
SELECT name, key IS NOT NULL AS is_bigint, CASE WHEN name IS NULL THEN key1 END AS key1, CASE WHEN name IS NULL THEN key2 END AS key2, key
FROM advisory_lock.locks WHERE held_by IS NOT NULL ORDER BY name, key, key1;
DELETE FROM advisory_lock.leases;
-- Nothing else is either.
\set VERBOSITY sqlstate
SELECT advisory_lock.acquire_lease(7::numeric, '1 min');
SELECT advisory_lock.acquire_lease(9223372036854775808, '1 min');
SELECT advisory_lock.acquire_lease(1::bigint, 2::bigint, '1 min', '0', NULL);
SELECT advisory_lock.acquire_lease(1, 2, '1 min');
SELECT advisory_lock.renew_lease(7.0, 1, '1 min');
SELECT advisory_lock.last_run(7::numeric);
-- NULL is an error, of whichever type.
SELECT advisory_lock.acquire_lease(NULL::bigint, '1 min');
SELECT advisory_lock.acquire_lease(1, NULL, '1 min', '0', NULL);
SELECT advisory_lock.acquire_lease(NULL, 1, '1 min', '0', NULL);
SELECT advisory_lock.renew_lease(NULL::bigint, 1, '1 min');
SELECT advisory_lock.renew_lease(1, NULL, 1, '1 min');
SELECT advisory_lock.renew_lease(1, 2, NULL, '1 min');
SELECT advisory_lock.release_lease(1, NULL);
SELECT advisory_lock.queue_lease(NULL::bigint, '1 min');
SELECT advisory_lock.last_run(NULL::bigint);
SELECT advisory_lock.record_run(1, 2, NULL, now());
SELECT advisory_lock.leave_lease_queue(1, NULL), advisory_lock.leave_lease_queue(1, 2, NULL);

-- What is wrong is said with the key.
\set VERBOSITY terse
SELECT advisory_lock.acquire_lease(72707369, '0');
SELECT advisory_lock.acquire_lease(1, 2, '25 h', '0', NULL);
SELECT advisory_lock.acquire_lease(72707369, '1 min', '-1 s');
SELECT advisory_lock.acquire_lease(72707369, '1 min', holder => repeat('x', 1025));
SELECT advisory_lock.renew_lease(72707369, NULL, '1 min');
SELECT advisory_lock.release_lease(72707369, 1, '-1 s');
SELECT advisory_lock.record_run(72707369, NULL, now());
SELECT advisory_lock.record_run(1, 2, 1, now());

-- Asking in turn.
SELECT advisory_lock.acquire_lease(5, '1 min', holder => 'first') AS token \gset
\c
\set VERBOSITY terse
SELECT token IS NULL AS none, ahead, held_by, ticket FROM advisory_lock.queue_lease(5, '1 min') \gset second_
SELECT token IS NULL AS none, ahead, held_by, ticket FROM advisory_lock.queue_lease(5, '1 min') \gset third_
SELECT :'second_none' AS none, :second_ahead AS ahead, :'second_held_by' AS held_by, :third_ahead AS after;
SELECT ahead, held_by, token > 0 AS taken FROM advisory_lock.queue_lease(0, 5, '1 min', NULL, NULL);
SELECT advisory_lock.release_lease(5, :token), advisory_lock.terminate_holders(0, 5);
SELECT token, ahead FROM advisory_lock.queue_lease(5, '1 min', :third_ticket);
SELECT token > :token AS ours, ticket = :second_ticket AS same, ahead FROM advisory_lock.queue_lease(5, '1 min', :second_ticket);
SELECT advisory_lock.leave_lease_queue(0, 5, :third_ticket), advisory_lock.leave_lease_queue(5, :third_ticket),
    advisory_lock.terminate_holders(5);
SELECT count(*) FROM advisory_lock.lease_queue;

-- Runs: of a name and of its key they are the same.
SELECT clock_timestamp() AS started_at \gset
SELECT advisory_lock.lock(72707369) AS token \gset
SELECT advisory_lock.record_run(72707369, :token, :'started_at');
\set VERBOSITY sqlstate
SELECT advisory_lock.record_run(72707369, :token - 1, :'started_at');
SELECT advisory_lock.unlock(72707369);
SELECT advisory_lock.last_run(72707369) = :'started_at' AS recorded, advisory_lock.last_run('72707369'), advisory_lock.last_run(0, 72707369);
SELECT advisory_lock.record_run('test-lock', :token, :'started_at');
SELECT advisory_lock.last_run(-107789403, -1898803861) = :'started_at' AS recorded;
SELECT advisory_lock.record_run(-107789403, -1898803861, :token, clock_timestamp());
SELECT advisory_lock.last_run('test-lock') > :'started_at' AS newer;
SELECT key1, key2, kind, name FROM advisory_lock.runs ORDER BY key1;
-- Who has lost the key to a lease has not run.
SELECT advisory_lock.acquire_lease(72707369, '1 min') AS leased \gset
SELECT advisory_lock.record_run(72707369, :token, :'started_at');
SELECT advisory_lock.record_run(72707369, :leased, :'started_at'), advisory_lock.release_lease(72707369, :leased);
DELETE FROM advisory_lock.runs;

\set VERBOSITY terse
-- The fence takes the tokens of leases.
SELECT advisory_lock.acquire_lease(72707369, '1 min') AS leased \gset
SELECT advisory_lock.fence(72707369, :leased), advisory_lock.release_lease(72707369, :leased);
DELETE FROM advisory_lock.fences;

-- A label is the name that is shown, as for the locks of sessions.
SELECT advisory_lock.label_key(72707369, 'migrations'), advisory_lock.label_key(1, 2, 'pair');
SELECT advisory_lock.acquire_lease(72707369, '1 min') > 0 AS taken, advisory_lock.acquire_lease(1, 2, '1 min', '0', NULL) > 0 AS taken,
    advisory_lock.acquire_lease(3, '1 min') > 0 AS taken;
SELECT name, key1, key2, key, tool FROM advisory_lock.locks WHERE held_by IS NOT NULL ORDER BY key, key1;
SELECT advisory_lock.label_key(72707369, NULL), advisory_lock.label_key(1, 2, NULL);

\set VERBOSITY terse
-- Another role: neither the name nor the holder, and not the lease.
CREATE ROLE regress_advisory_lock_other;
SET ROLE regress_advisory_lock_other;
SELECT name, held_by, key1, key2, key, tool FROM advisory_lock.locks ORDER BY key, key1;
SELECT advisory_lock.renew_lease(72707369, (SELECT token FROM advisory_lock.locks WHERE key = 72707369), '1 min');
SELECT advisory_lock.release_lease(1, 2, (SELECT token FROM advisory_lock.locks WHERE key1 = 1), NULL);
SELECT advisory_lock.terminate_holders(72707369);
SELECT advisory_lock.acquire_lease(72707369, '1 min'), advisory_lock.try_lock(1, 2, '0');
RESET ROLE;
SELECT advisory_lock.record_run(72707369, advisory_lock.acquire_lease(6, '1 min'), :'started_at');
SET ROLE regress_advisory_lock_other;
SELECT advisory_lock.last_run(72707369);
SELECT advisory_lock.record_run(72707369, advisory_lock.acquire_lease(7, '1 min'), :'started_at');
RESET ROLE;
DROP ROLE regress_advisory_lock_other;
DELETE FROM advisory_lock.leases;
DELETE FROM advisory_lock.runs;
