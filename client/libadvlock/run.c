/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Runs: has what a lock protects been done not long ago, and has it now?
 *
 * Asked while the lock is held, and by the server's clock alone, so that it
 * does not matter what time it is on those who ask.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/*
 * Now, in microseconds; has one succeeded that began within $2; and when.  One
 * that began later than that from now was recorded by a clock that was wrong,
 * and must not keep the job off until then.
 */
#define IS_DUE(lock) \
	"SELECT CAST(EXTRACT(epoch FROM pg_catalog.clock_timestamp())" ADVL_OP("*") "1000000 AS pg_catalog.int8)," \
	" COALESCE(r.began" ADVL_OP(">") "(pg_catalog.clock_timestamp()" ADVL_OP("-") \
	"CAST($2 AS pg_catalog.interval)) AND r.began" ADVL_OP("<") "(pg_catalog.clock_timestamp()" ADVL_OP("+") \
	"CAST($2 AS pg_catalog.interval)), false), CAST(r.began AS pg_catalog.text)" \
	" FROM (SELECT " ADVL_CALL("advisory_lock.last_run(" lock ")", "timestamptz") " AS began) AS r"
#define RECORD(lock) \
	"SELECT " ADVL_CALL("CAST(advisory_lock.record_run(" lock ", CAST($2 AS pg_catalog.int8)," \
					  " pg_catalog.to_timestamp(CAST($3 AS pg_catalog.float8)" ADVL_OP("/") \
					  "1000000)) AS pg_catalog.text)", "text")

static const char *const is_due_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(IS_DUE);
static const char *const record_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(RECORD);

static advlock_result
told_if_due(advlock *session)
{
	const PGresult *row = session->op.results[0];

	if (!advl_rows(row))
		return advl_server_error(session, row);
	if (!advl_number_at(row, 0, 0, &session->run_began))
		return advl_lose_because(session, "the server's answer about runs makes no sense");
	if (!advl_is_true(row, 1))
		return ADVLOCK_OK;
	return advl_fail(session, ADVLOCK_NOT_DUE, "it has been done, in a run that began at %s",
					 advl_value(row, 2));
}

static advlock_result
recorded(advlock *session)
{
	const PGresult *row = session->op.results[0];

	return advl_rows(row) ? ADVLOCK_OK : advl_server_error(session, row);
}

/*
 * Ask or tell the server, in this session, about the run under the lock.  The
 * server has answer_ms.
 */
advlock_result
advl_send_run(advlock *session, const advl_lock *lock, const advl_run *run, int answer_ms)
{
	advl_number numbers[2];
	const char *parameter = advl_parameter(lock);
	advl_statement statement = {is_due_sql[lock->kind], 2, {parameter, numbers[0]}, true};

	if (run->record)
		statement = (advl_statement) {record_sql[lock->kind], 3, {parameter, numbers[0], numbers[1]}, true};
	snprintf(numbers[0], sizeof(numbers[0]), run->record ? "%lld" : "%lld milliseconds",
			 (long long) (run->record ? lock->token : run->within_ms));
	snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long) run->began);
	return advl_send(session, &statement, 1, run->record ? recorded : told_if_due, answer_ms);
}

/* The same of a lock that the session of the handle holds. */
advlock_result
advl_run_in_session(advlock *h, const advl_lock *lock, const advl_run *run)
{
	return advl_send_run(h, lock, run, ADVL_ANSWER_MS);
}

static advlock_result
start(advlock *h, const char *name, const advl_run *run)
{
	advlock_result r = advl_begin(h);
	const advl_lock *lock = r == ADVLOCK_OK && name != NULL ? advl_find(h->held, name) : NULL;

	if (r != ADVLOCK_OK)
		return r;
	if (lock == NULL)
		return advl_not_held(h, name == NULL ? "" : name);
	if (!h->way->extension)
		return advl_lack_extension(h, "runs are recorded by");
	return advl_started(h, h->way->start_run(h, lock, run));
}

advlock_result
advlock_start_is_due(advlock *h, const char *name, int within_ms)
{
	advl_run	run = {.within_ms = within_ms};

	if (h != NULL && within_ms < 0)
		return advl_fail(h, ADVLOCK_INVALID, "time since the last run must not be negative: %d ms", within_ms);
	return start(h, name, &run);
}

advlock_result
advlock_start_record_run(advlock *h, const char *name)
{
	advl_run	run = {.record = true, .began = h == NULL ? 0 : h->run_began};

	if (h != NULL && h->run_began == 0)
		return advl_fail(h, ADVLOCK_INVALID, "when the run began is not known: ask whether it is due before");
	return start(h, name, &run);
}
