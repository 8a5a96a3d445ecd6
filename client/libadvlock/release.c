/*-------------------------------------------------------------------------
 *
 * release.c
 *	  Give session-level locks back: one, all, or what was taken in vain.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* A row for each time a lock must be given back. */
#define TIMES \
	" FROM " ADVL_ROWS " AS l(" ADVL_COLUMNS ")," \
	" LATERAL pg_catalog.generate_series(1, l.count)"

#define BY_EXTENSION \
	"SELECT CASE" \
	" WHEN l.permit" ADVL_OP(">") "0 THEN " \
	ADVL_CALL("advisory_lock.release_permit(l.name, l.permit)", "bool") \
	" WHEN l.shared THEN " ADVL_CALL(ADVL_ROW_CALL("unlock_shared", "l.name"), "bool") \
	" ELSE " ADVL_CALL(ADVL_ROW_CALL("unlock", "l.name"), "bool") " END" TIMES

#define OF_ONE \
	"SELECT " ADVL_CALL("advisory_lock.unlock(" ADVL_NAME ")", "bool")

static const advl_question release_question = {
	.by_extension = BY_EXTENSION,
	.of_one = OF_ONE,
	.params_of_one = 1,
	.once = true,
	.by_keys =
	"SELECT CASE"
	" WHEN " ADVL_IS_BIGINT " AND l.shared THEN pg_catalog.pg_advisory_unlock_shared(" ADVL_BIGINT_ARG("l.name") ")"
	" WHEN " ADVL_IS_BIGINT " THEN pg_catalog.pg_advisory_unlock(" ADVL_BIGINT_ARG("l.name") ")"
	" WHEN l.shared THEN pg_catalog.pg_advisory_unlock_shared(k.key1, k.key2)"
	" ELSE pg_catalog.pg_advisory_unlock(k.key1, k.key2) END" TIMES ", "
	ADVL_ROW_KEYS(ADVL_FULL_NAME)
};

/* Give back all in the list, as often as each is counted. */
advlock_result
advl_send_release(advlock *h, const advl_lock *list, advl_handler on_released,
				  int answer_ms)
{
	advl_arrays_free(&h->op.arrays);
	if (!advl_arrays_fill(&h->op.arrays, list))
		return advl_no_memory(h);
	return advl_ask(h, &release_question, on_released, answer_ms);
}

/*
 * The statement was canceled, before it gave the lock back or after: nobody
 * knows.  The last release makes up for it.
 */
static advlock_result
doubt_release(advl_lock *lock)
{
	lock->count--;
	lock->unsure++;
	return ADVLOCK_OK;
}

/* The lock was given back once, or had gone before. */
static advlock_result
unlocked(advlock *h)
{
	const PGresult *row = h->op.results[0];
	advl_lock  *lock = h->op.released;

	if (!advl_rows(row))
		return h->op.may_be_released && lock->count > 1 ? doubt_release(lock) : advl_server_error(h, row);
	if (!advl_is_true(row, 0) && !h->op.may_be_released)
	{
		(void) advl_fail(h, ADVLOCK_NOT_HELD, "lock %s was not held any more",
						 lock->title);
		advl_forget(h, lock);
		return ADVLOCK_NOT_HELD;
	}
	if (--lock->count == 0)
		advl_forget(h, lock);
	return ADVLOCK_OK;
}

advlock_result
advl_unlock_one(advlock *h, advl_lock *lock)
{
	h->op.released = lock;
	advl_arrays_add(&h->op.arrays, lock, lock->count > 1 ? 1 : 1 + lock->unsure);
	if (!advl_arrays_fill(&h->op.arrays, NULL))
		return advl_no_memory(h);
	return advl_ask(h, &release_question, unlocked, ADVL_ANSWER_MS);
}

static advlock_result
all_unlocked(advlock *h)
{
	if (!advl_rows(h->op.results[0]))
		return advl_server_error(h, h->op.results[0]);
	advl_locks_free(&h->held);
	return ADVLOCK_OK;
}

advlock_result
advl_unlock_all(advlock *h, int answer_ms)
{
	return advl_send_release(h, h->held, all_unlocked, answer_ms);
}
