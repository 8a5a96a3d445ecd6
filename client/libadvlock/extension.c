/*-------------------------------------------------------------------------
 *
 * extension.c
 *	  Take session-level locks through the extension's procedures.
 *
 * They are called at top level, where they wait without a snapshot.
 *
 * Several names go by one call.  Where there is a key among them, each is taken
 * by a call of its own, in the same order; and what was had is given back when
 * another is not to be had.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

static const char delay_sql[] =
"SELECT pg_catalog.set_config('advisory_lock.lock_delay', CAST($1 AS pg_catalog.text), false)";

/* The name or key of the lock, by the guard of ADVL_CALL: a CALL takes no subquery. */
#define GUARDED_NAME \
	"CASE WHEN " ADVL_ASK(ADVL_HAS_EXTENSION) " THEN " ADVL_NAME \
	" ELSE " ADVL_IS_GONE " END"

#define CALL_ACQUIRE(lock, more) \
	"CALL advisory_lock.acquire(" lock ", CAST($2 AS pg_catalog.interval)," \
	" CAST($3 AS pg_catalog.bool)" more ")"

static const char *const acquire_sql[ADVL_KINDS] = {
	CALL_ACQUIRE(GUARDED_NAME, ", CAST($4 AS pg_catalog.int4)"),
	CALL_ACQUIRE(ADVL_BIGINT_ARG(GUARDED_NAME), ""),
	CALL_ACQUIRE(ADVL_PAIR_ARGS(GUARDED_NAME), ", NULL")
};

/* The array is given as its text, so that a guard can stand for it. */
static const char acquire_many_sql[] =
"CALL advisory_lock.acquire_many(CAST(" GUARDED_NAME " AS pg_catalog._text),"
" CAST($2 AS pg_catalog.interval))";

/* What is left until a deadline, as an interval; NULL: no limit. */
static const char *
timeout_text(advl_number buf, int64_t deadline)
{
	if (deadline == NEVER)
		return NULL;
	snprintf(buf, sizeof(advl_number), "%d milliseconds", advl_remaining(deadline));
	return buf;
}

/*
 * Why a call of the extension's failed.  Its schema is gone, or what guards
 * the call says so.
 */
advlock_result
advl_call_error(advlock *h, const PGresult *res)
{
	const char *state = advl_state(res);

	if (h->way->extension && (strcmp(state, "3F000") == 0 || strcmp(state, "42704") == 0))
		return advl_wrong_way(h);
	return advl_server_error(h, res);
}

/* What the call has not done it has undone; but an error can come after it. */
static advlock_result
failed(advlock *h, const PGresult *res)
{
	advlock_result r = advl_call_error(h, res);

	return r == ADVLOCK_INVALID ? advl_give_up(h, r) : advl_take_back(h, r);
}

static advlock_result
senseless(advlock *h)
{
	return advl_lose_because(h, "the server's answer to acquire() makes no sense");
}

static bool
has_key(const advl_lock *list)
{
	while (list != NULL && list->kind == ADVL_BY_NAME)
		list = list->next;
	return list != NULL;
}

static advlock_result acquire_next(advlock *h);

/* The row of acquire(): token and permit; a NULL token says too late. */
static advlock_result
acquired(advlock *h)
{
	const PGresult *row = h->op.results[h->op.asked_at];
	int64_t		permit = 0;

	if (!advl_rows(row))
		return failed(h, row);
	if (advl_is_null(row, 0))
		return advl_give_up(h, advl_busy(h, h->op.wanted));
	if (!advl_number_at(row, 0, 0, &h->op.wanted->token))
		return senseless(h);
	if (h->op.options.permits > 0 &&
		(!advl_number_at(row, 0, 1, &permit) || permit < 1 ||
		 permit > h->op.options.permits))
		return senseless(h);
	h->op.wanted->permit = (int) permit;
	advl_wanted_to_taken(h);
	return h->op.wanted != NULL ? acquire_next(h) : advl_hold_all(h, &h->op.taken);
}

/* Read tokens from the text of an array, one for each lock. */
static bool
read_tokens(advl_lock *locks, const char *text)
{
	for (advl_lock *lock = locks; lock != NULL; lock = lock->next)
	{
		if (*text++ != (lock == locks ? '{' : ',') ||
			!advl_number_in(&text, &lock->token))
			return false;
	}
	return strcmp(text, "}") == 0;
}

/* The row of acquire_many(): the tokens in our order. */
static advlock_result
acquired_many(advlock *h)
{
	const PGresult *row = h->op.results[h->op.asked_at];

	if (!advl_rows(row))
		return failed(h, row);
	if (advl_is_null(row, 0))
		return advl_fail(h, ADVLOCK_BUSY, "the locks are held by other sessions");
	if (!read_tokens(h->op.wanted, advl_value(row, 0)))
		return senseless(h);
	return advl_hold_all(h, &h->op.wanted);
}

/*
 * How to acquire what is wanted, all or the first, with room for two numbers as
 * text.
 */
static advl_statement
acquire_statement(const advlock *h, bool all, advl_number timeout, advl_number permits)
{
	const advlock_options *o = &h->op.options;
	const advl_lock *lock = h->op.wanted;
	const char *limit = timeout_text(timeout, h->op.deadline);

	if (all)
		return (advl_statement) {acquire_many_sql, 2, {h->op.names.data, limit}, true};
	snprintf(permits, sizeof(advl_number), "%d", o->permits);
	return (advl_statement) {acquire_sql[lock->kind], lock->kind == ADVL_BY_NAME ? 4 : 3,
		{advl_parameter(lock), limit, o->shared ? "true" : "false",
		o->permits > 0 ? permits : NULL}, true};
}

static advlock_result
acquire(advlock *h, bool all)
{
	advl_statement statements[ADVL_MAX_STATEMENTS];
	advl_number delay,
				timeout,
				permits;
	int			n = 0;
	int			asked_at;

	snprintf(delay, sizeof(delay), "%d", h->op.options.lock_delay_ms);
	if (h->op.options.lock_delay_ms >= 0)
		statements[n++] = (advl_statement) {delay_sql, 1, {delay}, true};
	h->delay = h->delay || h->op.options.lock_delay_ms > 0;
	asked_at = n;
	statements[n++] = acquire_statement(h, all, timeout, permits);
	n += advl_rehearse(h, &advl_check_question, statements + n);
	h->op.asked_at = asked_at;
	return advl_send(h, statements, n, all ? acquired_many : acquired, advl_attempt_ms(h));
}

static advlock_result
acquire_next(advlock *h)
{
	return acquire(h, false);
}

advlock_result
advl_acquire(advlock *h)
{
	bool		several = h->op.wanted->next != NULL;

	return several && has_key(h->op.wanted) ? advl_in_order(h, acquire_next) : acquire(h, several);
}
