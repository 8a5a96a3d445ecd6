--
-- Timeouts, where nobody else holds the lock.  See the isolation tests for
-- waits that run out.
--

-- What is free is granted, however short or long the timeout.
SELECT t.timeout, advisory_lock.try_lock('a', t.timeout), advisory_lock.unlock('a')
FROM (VALUES
    (interval '0'), ('1 microsecond'), ('1 ms'), ('2147483647 ms'), ('2147483648 ms'),
    ('25 days'), ('1 mon'), ('100 years'), ('178000000 years'), ('2 days -1 hour')
) AS t (timeout);
SELECT t.timeout, advisory_lock.try_xact_lock('a', t.timeout)
FROM (VALUES (interval '0'), ('1 ms'), ('178000000 years')) AS t (timeout);

-- An infinite interval is no limit.  Before PostgreSQL 17 there is none, so
-- that the longest takes its place.
SELECT CASE WHEN current_setting('server_version_num')::integer >= 170000
    THEN 'infinity' ELSE '178000000 years' END AS infinite \gset
SELECT advisory_lock.try_lock('a', :'infinite');
SELECT advisory_lock.try_lock_many(ARRAY['a', 'b'], :'infinite');
SELECT advisory_lock.acquire_permit('a', 1, :'infinite');
SELECT advisory_lock.release_permit('a', 1), advisory_lock.unlock_all();

-- These should all fail, and hold nothing.
SELECT advisory_lock.try_lock('a', '-1 ms');
SELECT advisory_lock.try_lock('a', '-1 microsecond');
SELECT advisory_lock.try_lock_shared('a', '-1 microsecond'::interval - interval '1 ms');
SELECT advisory_lock.try_xact_lock('a', '-178000000 years');
SELECT advisory_lock.try_xact_lock_shared('a', '1 day -25 hours');
SELECT advisory_lock.try_lock_many(ARRAY['b', 'a'], '-1 s');
SELECT advisory_lock.acquire_permit('a', 1, '-1 s');
CALL advisory_lock.acquire('a', '-1 s');
CALL advisory_lock.acquire_many(ARRAY['b', 'a'], '-1 s');
SELECT advisory_lock.try_lock('a', NULL);
SELECT advisory_lock.try_lock_shared('a', NULL);
SELECT advisory_lock.try_xact_lock('a', NULL);
SELECT advisory_lock.try_xact_lock_shared('a', NULL);
SELECT advisory_lock.try_lock_many(ARRAY['b', 'a'], NULL);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- A negative infinite interval is negative.
\set VERBOSITY sqlstate
SELECT advisory_lock.try_lock('a', ('-' || :'infinite')::interval);
\set VERBOSITY default

-- Where the timeout may be null, null is no limit.
SELECT advisory_lock.acquire_permit('a', 1, NULL);
SELECT advisory_lock.release_permit('a', 1);

-- No call changes the setting lock_timeout.
SET lock_timeout = '54321 ms';
SELECT advisory_lock.try_lock('a', '1 s'), advisory_lock.try_lock_many(ARRAY['a', 'b'], '1 s');
SHOW lock_timeout;
BEGIN;
SELECT advisory_lock.try_xact_lock('a', '2 s');
SHOW lock_timeout;
SELECT advisory_lock.try_xact_lock('a', '-2 s');
ROLLBACK;
SHOW lock_timeout;
CALL advisory_lock.acquire('a', '1 s', permits => 2) \gset
SHOW lock_timeout;
