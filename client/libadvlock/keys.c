/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  Take session-level locks where the server lacks the extension.
 *
 * The same keys go through pg_advisory_lock().  A statement that waits keeps
 * a snapshot, so the wait is cut into slices: each is a lock_timeout of its
 * own transaction, and the next begins with a fresh snapshot.  Core can
 * report a timeout (or a cancel) although the lock was granted at the same
 * moment, so every attempt ends with a look at pg_locks.  The same look tells
 * a server whose advisory locks are stubs that always say yes.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* Ends with the implicit transaction it is part of. */
static const char slice_sql[] =
"SELECT pg_catalog.set_config('lock_timeout', CAST($1 AS pg_catalog.text), true)";

/* How to take a lock, [without waiting][shared][its kind]. */
static const char *const take_sql[2][2][ADVL_KINDS] = {
	{ADVL_TAKE("pg_advisory_lock"), ADVL_TAKE("pg_advisory_lock_shared")},
	{ADVL_TAKE("pg_try_advisory_lock"), ADVL_TAKE("pg_try_advisory_lock_shared")},
};

/* Is it held, and has the extension come since the session began? */
#define HOLDS(keys) \
	"SELECT " ADVL_HOLDS("CAST($2 AS pg_catalog.text)") ", " ADVL_HAS_EXTENSION \
	" FROM " keys

static const char *const holds_sql[ADVL_KINDS] = ADVL_EACH_KIND(HOLDS);

static advlock_result take_next(advlock *h);

const char *
advl_mode_text(const advl_lock *lock)
{
	return lock->shared ? "ShareLock" : "ExclusiveLock";
}

/* The attempt failed and the lock is not held: again, or too late? */
static advlock_result
not_granted(advlock *h, bool timed_out, const PGresult *attempt)
{
	if (!timed_out)
		return advl_give_up(h, advl_server_error(h, attempt));
	if (advl_remaining(h->op.deadline) != 0)
		return take_next(h);
	return advl_give_up(h, advl_busy(h, h->op.permit != NULL ? h->op.permit : h->op.wanted));
}

/* The lock is ours; with what we have it goes on as it began. */
static advlock_result
granted(advlock *h, const PGresult *look)
{
	if (advl_is_true(look, 1) && h->held == NULL)
		return advl_give_up(h, advl_wrong_way(h));
	return take_next(h);
}

/*
 * The attempt failed with an error although pg_locks shows the lock.  After a
 * timeout it counts as granted; after anything else it must go.
 */
static advlock_result
granted_with_error(advlock *h, bool timed_out, const PGresult *attempt, const PGresult *look)
{
	if (!timed_out)
		return advl_take_back(h, advl_server_error(h, attempt));
	advl_wanted_to_taken(h);
	return granted(h, look);
}

/*
 * The look failed, so nobody knows whether the attempt was granted.  A name
 * that the database cannot hold was never taken.
 */
static advlock_result
not_seen(advlock *h, const PGresult *attempt, const PGresult *look)
{
	if (advl_meaning(advl_state(attempt)) == ADVLOCK_INVALID)
		return advl_give_up(h, advl_server_error(h, attempt));
	if (!advl_rows(attempt) || advl_refused(attempt))
		return advl_take_back(h, advl_server_error(h, look));
	advl_wanted_to_taken(h);
	return advl_give_up(h, advl_server_error(h, look));
}

/* The results of an attempt: the slice, the attempt itself, the look. */
static advlock_result
attempted(advlock *h)
{
	/* after an error of the slice there was no attempt */
	const PGresult *attempt = h->op.results[advl_rows(h->op.results[0]) ? 1 : 0];
	const PGresult *look = h->op.results[2];
	bool		timed_out = strcmp(advl_state(attempt), "55P03") == 0;

	if (!advl_rows(look))
		return not_seen(h, attempt, look);
	if (!advl_rows(attempt))
		return advl_is_true(look, 0) ? granted_with_error(h, timed_out, attempt, look) :
			not_granted(h, timed_out, attempt);
	if (advl_refused(attempt))
		return not_granted(h, true, attempt);
	advl_wanted_to_taken(h);
	if (!advl_is_true(look, 0))
		return advl_give_up(h, advl_fail(h, ADVLOCK_SERVER,
										 "the server granted lock %s but does not show it in pg_locks",
										 h->op.taken->title));
	return granted(h, look);
}

static advlock_result
attempt(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	int			ms = advl_slice_ms(h);
	advl_number timeout;
	advl_statement statements[ADVL_MAX_STATEMENTS] = {
		{slice_sql, 1, {timeout}, false},
		{take_sql[ms == 0][lock->shared][lock->kind], 1, {advl_parameter(lock)}, true},
		{holds_sql[lock->kind], 2, {advl_parameter(lock), advl_mode_text(lock)}, true},
	};
	int			n = 3 + advl_rehearse(h, &advl_check_question, statements + 3);

	snprintf(timeout, sizeof(timeout), "%dms", ms);
	return advl_send(h, statements, n, attempted, advl_attempt_ms(h));
}

/* Go on with the next lock that is wanted, or with what comes after them. */
static advlock_result
take_next(advlock *h)
{
	return h->op.wanted != NULL ? attempt(h) : h->op.when_taken(h);
}

/* All are ours. */
static advlock_result
hold_taken(advlock *h)
{
	return advl_hold_all(h, &h->op.taken);
}

/* Wait for the locks that are wanted, in their order, then call when_taken. */
advlock_result
advl_take_wanted(advlock *h)
{
	return take_next(h);
}

/* Take plain locks, all or none. */
advlock_result
advl_take_all(advlock *h)
{
	h->op.when_taken = hold_taken;
	return h->op.wanted->next == NULL ? take_next(h) : advl_in_order(h, take_next);
}
