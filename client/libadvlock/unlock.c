/*-------------------------------------------------------------------------
 *
 * unlock.c
 *	  Give locks back: one, all, or what was taken in vain.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"
#include "common/keys.h"

/* A row for each time a lock must be given back. */
#define LOCKS \
	" FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[])," \
	" pg_catalog.unnest($2::pg_catalog.bool[])," \
	" pg_catalog.unnest($3::pg_catalog.int4[])," \
	" pg_catalog.unnest($4::pg_catalog.int4[])) AS l(name, shared, permit, count)," \
	" LATERAL pg_catalog.generate_series(1, l.count)"

static const char release_sql[] =
"SELECT CASE"
" WHEN l.permit OPERATOR(pg_catalog.>) 0 THEN advisory_lock.release_permit(l.name, l.permit)"
" WHEN l.shared THEN advisory_lock.unlock_shared(l.name)"
" ELSE advisory_lock.unlock(l.name) END" LOCKS;

static const char release_keys_sql[] =
"SELECT CASE"
" WHEN l.shared THEN pg_catalog.pg_advisory_unlock_shared(k.key1, k.key2)"
" ELSE pg_catalog.pg_advisory_unlock(k.key1, k.key2) END" LOCKS ", "
ADVL_KEYS("CASE WHEN l.permit OPERATOR(pg_catalog.>) 0"
		  " THEN pg_catalog.concat(l.name, '#', l.permit) ELSE l.name END");

/* Locks as the four arrays of the statements above. */
typedef struct lock_arrays
{
	advl_text	names;
	advl_text	shared;
	advl_text	permits;
	advl_text	counts;
} lock_arrays;

static void
append_number(advl_text *array, int value)
{
	advl_text_append(array, array->len == 0 ? "{" : ",");
	advl_text_appendf(array, "%d", value);
}

static void
append_lock(lock_arrays *a, const advl_lock *lock, int count)
{
	advl_text_append_element(&a->names, lock->name);
	advl_text_append_element(&a->shared, lock->shared ? "t" : "f");
	append_number(&a->permits, lock->permit);
	append_number(&a->counts, count);
}

static void
free_arrays(lock_arrays *a)
{
	advl_text_free(&a->names);
	advl_text_free(&a->shared);
	advl_text_free(&a->permits);
	advl_text_free(&a->counts);
}

static advlock_result
send_arrays(advlock *h, lock_arrays *a, advl_handler on_results, int answer_ms)
{
	advl_statement statement = {.sql = h->has_extension ? release_sql : release_keys_sql,
	.nparams = 4};
	advl_text  *arrays[] = {&a->names, &a->shared, &a->permits, &a->counts};

	for (int i = 0; i < 4; i++)
	{
		advl_text_append(arrays[i], "}");
		statement.params[i] = advl_text_str(arrays[i]);
		if (statement.params[i] == NULL)
			return advl_no_memory(h);
	}
	return advl_send(h, &statement, 1, on_results, answer_ms);
}

/* Give back all in the list, as often as each is counted. */
advlock_result
advl_send_release(advlock *h, const advl_lock *list, advl_handler on_results,
				  int answer_ms)
{
	lock_arrays a;
	advlock_result r;

	memset(&a, 0, sizeof(a));
	for (; list != NULL; list = list->next)
		append_lock(&a, list, list->count);
	r = send_arrays(h, &a, on_results, answer_ms);
	free_arrays(&a);
	return r;
}

/* The lock was given back once, or had gone before. */
static advlock_result
unlocked(advlock *h)
{
	const PGresult *row = h->op.results[0];
	advl_lock  *lock = h->op.released;

	if (!advl_rows(row))
		return advl_server_error(h, row);
	if (!advl_is_true(row, 0))
	{
		(void) advl_fail(h, ADVLOCK_NOT_HELD, "lock \"%s\" was not held any more",
						 lock->name);
		advl_forget(h, lock);
		return ADVLOCK_NOT_HELD;
	}
	if (--lock->count == 0)
		advl_forget(h, lock);
	return ADVLOCK_OK;
}

static advlock_result
start_unlock(advlock *h, advl_lock *lock)
{
	lock_arrays a;
	advlock_result r;

	if (h->options.transaction)
		return advl_start_commit(h, ADVL_ANSWER_MS);
	memset(&a, 0, sizeof(a));
	h->op.released = lock;
	append_lock(&a, lock, 1);
	r = send_arrays(h, &a, unlocked, ADVL_ANSWER_MS);
	free_arrays(&a);
	return r;
}

advlock_result
advlock_start_unlock(advlock *h, const char *name)
{
	advlock_result r = advl_begin(h);
	advl_lock  *lock;

	if (r != ADVLOCK_OK)
		return r;
	if ((r = advl_check_name(h, name)) != ADVLOCK_OK)
		return r;
	lock = advl_find(h->held, name);
	if (lock == NULL)
		return advl_fail(h, ADVLOCK_NOT_HELD, "lock \"%s\" is not held", name);
	return start_unlock(h, lock);
}

static advlock_result
all_released(advlock *h)
{
	advl_locks_free(&h->held);
	return ADVLOCK_OK;
}

static void
cancel_wait(advlock *h)
{
	PGcancel   *cancel = PQgetCancel(h->conn);
	char		reason[256];

	h->op.deadline = advl_now();
	if (cancel != NULL)
		(void) PQcancel(cancel, reason, sizeof(reason));
	PQfreeCancel(cancel);
}

/*
 * Get the connection free for a last exchange, or for the caller.  False if
 * that is not worth while: a wait on a connection of our own ends with it,
 * and PQcancel() can block for as long as it likes.
 */
static bool
end_operation(advlock *h, int64_t deadline)
{
	bool		waits = h->op.wanted != NULL || h->op.permit != NULL;

	if (h->own_conn && (waits || !h->ready))
		return false;
	if (waits)
		cancel_wait(h);
	h->op.answer_by = deadline;
	(void) advl_wait(h, ADVLOCK_WAITING);
	return true;
}

/*
 * Give everything back before the session ends, so that nobody takes its end
 * for a failure.  What the server does not answer in time is left to it.
 */
void
advl_release_all(advlock *h)
{
	int64_t		deadline = advl_deadline(ADVL_CLOSE_MS);
	advlock_result r;

	if (advl_under_way(h) && !end_operation(h, deadline))
		return;
	if (h->held == NULL || advl_begin(h) != ADVLOCK_OK)
		return;
	if (h->options.transaction)
		r = advl_start_commit(h, advl_remaining(deadline));
	else
		r = advl_send_release(h, h->held, all_released, advl_remaining(deadline));
	(void) advl_wait(h, r);
}
