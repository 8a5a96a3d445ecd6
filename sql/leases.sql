--
-- Names that are held without a session, and runs
--

\set VERBOSITY sqlstate
-- A lease is taken, is seen, keeps others off, and is known by its token.
SELECT advisory_lock.acquire_lease('job', '1 min', holder => 'me') AS token \gset
SELECT advisory_lock.is_locked('job'), advisory_lock.acquire_lease('job', '1 min') AS second;
SELECT name, mode, granted, pid, held_by, expires_at > now() + '50 s' AS lasts, token = :token AS token,
    (key1, key2) = advisory_lock.key('job') AS keys
FROM advisory_lock.locks;
SELECT advisory_lock.try_lock('job'), advisory_lock.try_lock_shared('job'), advisory_lock.try_xact_lock('job'),
    advisory_lock.try_xact_lock_shared('job'), advisory_lock.try_lock_many(ARRAY['other', 'job']),
    advisory_lock.try_lock('job', '20 ms'), advisory_lock.try_lock('other');
SELECT advisory_lock.unlock('other');
SET lock_timeout = '50 ms';
SELECT advisory_lock.lock('job');
SELECT advisory_lock.lock_many(ARRAY['job', 'other']);
CALL advisory_lock.acquire('job');
RESET lock_timeout;
CALL advisory_lock.acquire('job', '10 ms');

-- A renewal moves the end, and never back.
SELECT advisory_lock.renew_lease('job', :token, '1 h') > now() + '59 min' AS renewed;
SELECT advisory_lock.renew_lease('job', :token, '1 s') > now() + '59 min' AS not_shortened;
SELECT advisory_lock.renew_lease('job', :token - 1, '1 h') IS NULL AS not_ours,
    advisory_lock.renew_lease('other', :token, '1 h') IS NULL AS not_leased;

-- Its end is not ours to tell with another token; a release is one.
SELECT advisory_lock.release_lease('job', :token - 1), advisory_lock.release_lease('job', :token),
    advisory_lock.release_lease('job', :token), advisory_lock.renew_lease('job', :token, '1 h') IS NULL AS over;
SELECT advisory_lock.lock('job') > :token AS newer;

-- A session lock of this very session is no obstacle; and then the lease is.
SELECT advisory_lock.acquire_lease('job', '1 min') > advisory_lock.token('job') AS newer_than_session;
SELECT advisory_lock.acquire_lease('job', '1 min') AS kept_off;
SELECT advisory_lock.unlock('job'), advisory_lock.try_lock('job');
SELECT advisory_lock.terminate_holders('job'), advisory_lock.terminate_holders('job'), advisory_lock.is_locked('job');
SELECT count(*) FROM advisory_lock.leases;

-- With at_least others are kept off, and the holder has it no longer.
SELECT advisory_lock.acquire_lease('job', '1 s') AS token \gset
SELECT advisory_lock.release_lease('job', :token, '1 h');
SELECT advisory_lock.try_lock('job'),
    advisory_lock.renew_lease('job', :token, '1 h') IS NULL AS over, advisory_lock.release_lease('job', :token);
SELECT expires_at = acquired_at + '1 h' AS kept_off, released FROM advisory_lock.leases;
SELECT advisory_lock.terminate_holders('job');
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
SELECT advisory_lock.release_lease('job', :token, '0');
SELECT advisory_lock.try_lock('job'), advisory_lock.unlock('job');

-- A permit is the lock of its number.
SELECT advisory_lock.acquire_lease('pool#1', '1 min') AS token \gset
SELECT advisory_lock.acquire_permit('pool', 1, '20 ms'), advisory_lock.acquire_permit('pool', 2, '20 ms');
SELECT advisory_lock.release_permit('pool', 2), advisory_lock.release_lease('pool#1', :token);

-- What is rolled back was never there, in a savepoint neither.
BEGIN;
SELECT advisory_lock.acquire_lease('job', '1 min') > 0 AS taken;
SAVEPOINT s;
SELECT advisory_lock.acquire_lease('other', '1 min') > 0 AS taken;
ROLLBACK TO s;
SELECT name FROM advisory_lock.leases;
SELECT advisory_lock.try_lock('other'), advisory_lock.unlock('other');
ROLLBACK;
SELECT advisory_lock.try_lock('job'), advisory_lock.unlock('job');

-- Nor is a release that is rolled back; what would outlive that cannot be taken before.
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
BEGIN;
SELECT advisory_lock.release_lease('job', :token), advisory_lock.try_xact_lock('job');
ROLLBACK;
BEGIN;
SELECT advisory_lock.release_lease('job', :token);
SELECT advisory_lock.try_lock('other'), advisory_lock.unlock('other');
SELECT advisory_lock.try_lock('job');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT advisory_lock.terminate_holders('job');
SELECT advisory_lock.try_lock_many(ARRAY['other', 'job']);
ROLLBACK;
SELECT count(*) FROM advisory_lock.locks WHERE name = 'job';
SELECT advisory_lock.try_lock('job'), advisory_lock.release_lease('job', :token);

-- Where rows cannot be written, there are no leases.
BEGIN READ ONLY;
SELECT advisory_lock.acquire_lease('job', '1 min');
ROLLBACK;
BEGIN READ ONLY;
SELECT advisory_lock.last_run('job');
SELECT advisory_lock.record_run('job', 1, now());
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
SELECT advisory_lock.renew_lease('job', :token, '2 min') > now() AS renewed;
SELECT advisory_lock.release_lease('job', :token);
COMMIT;

-- The fence takes the tokens of leases.
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
SELECT advisory_lock.fence('job', :token);
SELECT advisory_lock.release_lease('job', :token);
DELETE FROM advisory_lock.fences;

-- Asking in turn.
SELECT advisory_lock.lock('turn') > 0 AS locked;
\c
\set VERBOSITY sqlstate
SELECT advisory_lock.acquire_lease('turn', '1 min', '1 min', holder => 'first') AS token \gset
SELECT token IS NULL AS none, ahead, held_by, held_until > now() AS held, ticket FROM advisory_lock.queue_lease('turn', '1 min') \gset second_
SELECT token IS NULL AS none, ahead, held_by, held_until > now() AS held, ticket FROM advisory_lock.queue_lease('turn', '1 min') \gset third_
SELECT :'second_none' AS none, :second_ahead AS ahead, :'second_held_by' AS held_by, :'second_held' AS held, :third_ahead AS after;
SELECT advisory_lock.release_lease('turn', :token);
-- A place that one chooses oneself is none.
SELECT ticket > :third_ticket AS behind, ahead, ticket FROM advisory_lock.queue_lease('turn', '1 min', :second_ticket - 1) \gset chosen_
SELECT :'chosen_behind' AS behind, :chosen_ahead AS ahead, advisory_lock.leave_lease_queue('turn', :chosen_ticket);
SELECT token, ahead FROM advisory_lock.queue_lease('turn', '1 min', :third_ticket);
SELECT token > :token AS ours, ticket = :second_ticket AS same, ahead FROM advisory_lock.queue_lease('turn', '1 min', :second_ticket);
SELECT advisory_lock.terminate_holders('turn');
SELECT advisory_lock.leave_lease_queue('turn', :second_ticket), advisory_lock.leave_lease_queue('turn', :third_ticket);
SELECT count(*) FROM advisory_lock.lease_queue;
-- A ticket from elsewhere is none.
SELECT token > 0 AS had, ticket > 1 AS new, ahead FROM advisory_lock.queue_lease('turn', '1 min', 1);
SELECT advisory_lock.terminate_holders('turn');
-- Nor is one of somebody who has gone and asked before the clock was set back.
INSERT INTO advisory_lock.lease_queue SELECT key1, key2, 2, 1, current_user, now() + '10 years' FROM advisory_lock.key('turn');
SELECT token > 0 AS had, ahead FROM advisory_lock.queue_lease('turn', '1 min');
SELECT advisory_lock.terminate_holders('turn');
SELECT count(*) FROM advisory_lock.lease_queue;

-- Runs: the newest token counts.
SELECT advisory_lock.last_run('job') IS NULL AS never;
SELECT advisory_lock.lock('job') AS old_token \gset
SELECT advisory_lock.unlock('job');
SELECT advisory_lock.lock('job') AS new_token \gset
SELECT clock_timestamp() AS started_at \gset
SELECT advisory_lock.record_run('job', :new_token, :'started_at');
SELECT advisory_lock.record_run('job', :old_token, :'started_at');
SELECT advisory_lock.record_run('job', :new_token, clock_timestamp() + '1 h');
SELECT advisory_lock.record_run('job', :new_token + 1000000, :'started_at');
SELECT advisory_lock.record_run('job', NULL, :'started_at');
SELECT advisory_lock.last_run('job') = :'started_at' AS recorded, advisory_lock.last_run('other') IS NULL AS never;
SELECT advisory_lock.unlock('job');
-- Who has lost the name to a lease has not run, even if that was never recorded.
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
SELECT advisory_lock.record_run('job', :new_token, :'started_at');
SELECT advisory_lock.record_run('job', :token, :'started_at');
SELECT advisory_lock.release_lease('job', :token);

-- Arguments.
SELECT advisory_lock.acquire_lease('job', '0.9 s');
SELECT advisory_lock.acquire_lease('job', '24:00:01');
SELECT advisory_lock.acquire_lease('job', NULL);
SELECT advisory_lock.acquire_lease('job', '-1 s');
SELECT advisory_lock.acquire_lease('', '1 s');
SELECT advisory_lock.acquire_lease(NULL, '1 s');
SELECT advisory_lock.acquire_lease('job', '1 s', '-1 s');
SELECT advisory_lock.acquire_lease('job', '1 s', NULL);
SELECT advisory_lock.acquire_lease('job', '1 s', holder => repeat('x', 1025));
SELECT advisory_lock.renew_lease('job', NULL, '1 s');
SELECT advisory_lock.renew_lease('job', 1, '100 years');
SELECT advisory_lock.release_lease('job', 1, '-1 s');
SELECT advisory_lock.release_lease('job', 1, '25 h');
SELECT count(*) FROM advisory_lock.leases;

-- Another role: neither the rows, nor the name, nor the lease of others.
CREATE ROLE regress_advisory_lock_lessee;
CREATE ROLE regress_advisory_lock_other;
SET ROLE regress_advisory_lock_lessee;
SELECT advisory_lock.acquire_lease('job', '1 min', holder => 'me') AS token \gset
SELECT advisory_lock.record_run('theirs', :token, :'started_at');
TABLE advisory_lock.leases;
INSERT INTO advisory_lock.runs VALUES (1, 2, 2, 'x', 1, now(), now(), current_user);
DELETE FROM advisory_lock.lease_queue;
SET ROLE regress_advisory_lock_other;
SELECT name, held_by FROM advisory_lock.locks;
SELECT advisory_lock.renew_lease('job', :token, '1 min');
SELECT advisory_lock.release_lease('job', :token);
SELECT advisory_lock.terminate_holders('job');
SELECT advisory_lock.record_run('theirs', :token, :'started_at');
SELECT advisory_lock.last_run('theirs');
RESET ROLE;
SELECT name, held_by FROM advisory_lock.locks;
GRANT regress_advisory_lock_lessee TO regress_advisory_lock_other;
SET ROLE regress_advisory_lock_other;
SELECT name, held_by FROM advisory_lock.locks;
SELECT advisory_lock.release_lease('job', :token);
RESET ROLE;
DELETE FROM advisory_lock.runs;
DROP ROLE regress_advisory_lock_lessee, regress_advisory_lock_other;

-- A row without an end, which who owns the database can write.
INSERT INTO advisory_lock.leases
SELECT key1, key2, 2, 'endless', 1, 'nobody', current_user, now(), 'infinity', now(), false
  FROM advisory_lock.key('endless');
SELECT advisory_lock.try_lock('endless');
SELECT advisory_lock.acquire_lease('endless', '1 min', '10 ms');
DELETE FROM advisory_lock.leases;

-- Nobody else's table says what is leased.
CREATE TEMPORARY TABLE my_leases (LIKE advisory_lock.leases);
CREATE TRIGGER note BEFORE INSERT ON my_leases FOR EACH ROW EXECUTE FUNCTION advisory_lock.note_lease();
INSERT INTO my_leases VALUES (1, 2, 2, 'x', 1, 'me', current_user, now(), 'infinity', now(), false);
CREATE OR REPLACE TRIGGER note BEFORE INSERT ON my_leases FOR EACH ROW EXECUTE FUNCTION advisory_lock.replace_row();
INSERT INTO my_leases VALUES (1, 2, 2, 'x', 1, 'me', current_user, now(), 'infinity', now(), false);
DROP TABLE my_leases;

-- Of two names that have one key, a run is of the one it was recorded for.
SELECT advisory_lock.acquire_lease('job', '1 min') AS token \gset
SELECT advisory_lock.record_run('job-c5cd926bdf8b1673', :token, :'started_at');
SELECT advisory_lock.last_run('job-c5cd926bdf8b1673') = :'started_at' AS recorded, advisory_lock.last_run('job-45f2cc9a4e570bef');
DELETE FROM advisory_lock.runs;
DELETE FROM advisory_lock.leases;
