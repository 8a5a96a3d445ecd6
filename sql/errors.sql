--
-- What every function says to a bad name
--

-- Runs a call and tells its SQLSTATE, message, detail and hint.
CREATE FUNCTION pg_temp.error_of(call text, OUT state text, OUT message text, OUT more text)
LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE call;
    state := '00000';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = returned_sqlstate, message = message_text,
        detail = pg_exception_detail, hint = pg_exception_hint;
    more := concat_ws(' ', nullif(detail, ''), nullif(hint, ''));
END
$$;

CREATE TEMP TABLE calls (call text);
INSERT INTO calls
SELECT 'SELECT advisory_lock.' || f || '(%L)'
FROM unnest(ARRAY['lock', 'lock_shared', 'try_lock', 'try_lock_shared', 'unlock', 'unlock_shared',
    'xact_lock', 'xact_lock_shared', 'try_xact_lock', 'try_xact_lock_shared',
    'token', 'is_locked', 'terminate_holders']) AS f
UNION ALL VALUES ('SELECT advisory_lock.acquire_permit(%L, 1)'),
    ('SELECT advisory_lock.release_permit(%L, 1)'),
    ('SELECT advisory_lock.fence(%L, 1)'),
    ('SELECT advisory_lock.acquire_lease(%L, ''1 s'')'),
    ('SELECT advisory_lock.renew_lease(%L, 1, ''1 s'')'),
    ('SELECT advisory_lock.release_lease(%L, 1)'),
    ('SELECT advisory_lock.queue_lease(%L, ''1 s'')'),
    ('SELECT advisory_lock.leave_lease_queue(%L, 1)'),
    ('SELECT advisory_lock.last_run(%L)'),
    ('SELECT advisory_lock.record_run(%L, 1, now())'),
    ('CALL advisory_lock.acquire(%L)');

-- Every function that takes a name is in the list, but those that make no
-- difference: key() is strict, and what only reports may take a null.
SELECT proname FROM pg_proc
WHERE pronamespace = 'advisory_lock'::regnamespace AND proargnames[1] = 'name' AND pronargs > 0
    AND NOT EXISTS (SELECT FROM calls WHERE call LIKE '% advisory\_lock.' || proname || '(%')
    AND proname NOT IN ('key', 'reset_stats');

\x on
SELECT count(*) AS calls, e.* FROM calls, pg_temp.error_of(format(call, NULL)) AS e GROUP BY 2, 3, 4;
SELECT count(*) AS calls, e.* FROM calls, pg_temp.error_of(format(call, '')) AS e GROUP BY 2, 3, 4;
SELECT count(*) AS calls, e.* FROM calls, pg_temp.error_of(format(call, repeat('x', 1025))) AS e GROUP BY 2, 3, 4;
-- A name is cut between characters where it is shown.
SELECT e.* FROM pg_temp.error_of(format('SELECT advisory_lock.lock(%L)', repeat(U&'x\6771', 500))) AS e;
\x off

-- Nothing is held after all that.
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- Only text will do as a name, and only an integer as a key.
\set VERBOSITY sqlstate
SELECT advisory_lock.lock(42.0);
\set VERBOSITY default

-- Settings of that prefix are known or refused.
SHOW advisory_lock.allow_standby;
SET advisory_lock.allow_stanby = on;
SET advisory_lock.allow_standby = perhaps;
