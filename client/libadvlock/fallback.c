/*-------------------------------------------------------------------------
 *
 * fallback.c
 *	  Take locks where the server lacks the extension.
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
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "common/keys.h"

#define SLICE_MS 1000

/* Positions, counted from 1, in the order of the keys. */
static const char order_sql[] =
"SELECT n.position FROM pg_catalog.unnest($1::pg_catalog.text[])"
" WITH ORDINALITY AS n(name, position), " ADVL_KEYS("n.name")
" ORDER BY k.key1 USING OPERATOR(pg_catalog.<), k.key2 USING OPERATOR(pg_catalog.<)";

/* Ends with the implicit transaction it is part of. */
static const char slice_sql[] =
"SELECT pg_catalog.set_config('lock_timeout', $1::pg_catalog.text, true)";

/* How to take a lock, [without waiting][shared]. */
static const char *const take_sql[2][2] = {
	{
		"SELECT pg_catalog.pg_advisory_lock(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
		"SELECT pg_catalog.pg_advisory_lock_shared(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
	},
	{
		"SELECT pg_catalog.pg_try_advisory_lock(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
		"SELECT pg_catalog.pg_try_advisory_lock_shared(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
	},
};

const char	advl_holds_sql[] =
"SELECT " ADVL_HOLDS("$2::pg_catalog.text") " FROM " ADVL_KEYS("$1::pg_catalog.text");

static advlock_result take_next(advlock *h);

const char *
advl_mode_text(const advl_lock *lock)
{
	return lock->shared ? "ShareLock" : "ExclusiveLock";
}

/* What was taken in vain is given back: the operation is over. */
static advlock_result
cleaned_up(advlock *h)
{
	if (!advl_rows(h->op.results[0]))
		return advl_lose_because(h, "could not release locks that were taken in vain");
	return h->op.outcome;
}

/* End the operation with a failure, holding nothing of what it wanted. */
advlock_result
advl_give_up(advlock *h, advlock_result outcome)
{
	advlock_result r;

	h->op.outcome = outcome;
	if (h->op.taken == NULL)
		return outcome;
	r = advl_send_release(h, h->op.taken, cleaned_up, ADVL_ANSWER_MS);
	return r == ADVLOCK_NOMEM ? advl_lose_because(h, advlock_error(NULL)) : r;
}

static void
wanted_to_taken(advlock *h)
{
	advl_lock  *lock = h->op.wanted;

	h->op.wanted = lock->next;
	lock->next = h->op.taken;
	h->op.taken = lock;
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

/*
 * The attempt failed with an error although pg_locks shows the lock.  After a
 * timeout it counts as granted; after anything else it must go, unless it was
 * held before.
 */
static advlock_result
granted_with_error(advlock *h, bool timed_out, const PGresult *attempt)
{
	const advl_lock *lock = h->op.wanted;

	if (timed_out || advl_find_mode(h->held, lock->name, lock->shared) == NULL)
		wanted_to_taken(h);
	return timed_out ? take_next(h) : advl_give_up(h, advl_server_error(h, attempt));
}

/* The look failed: unless it was held before, release what may be held. */
static advlock_result
not_seen(advlock *h, const PGresult *attempt, const PGresult *look)
{
	const advl_lock *lock = h->op.wanted;

	if (advl_rows(attempt) || advl_find_mode(h->held, lock->name, lock->shared) == NULL)
		wanted_to_taken(h);
	return advl_give_up(h, advl_server_error(h, look));
}

/* The results of an attempt: the slice, the attempt itself, the look. */
static advlock_result
attempted(advlock *h)
{
	const PGresult *attempt = h->op.results[1];
	const PGresult *look = h->op.results[2];
	bool		timed_out = strcmp(advl_state(attempt), "55P03") == 0;

	if (!advl_rows(look))
		return not_seen(h, attempt, look);
	if (!advl_rows(attempt))
		return advl_is_true(look, 0) ? granted_with_error(h, timed_out, attempt) :
			not_granted(h, timed_out, attempt);
	if (advl_refused(attempt))
		return not_granted(h, true, attempt);
	wanted_to_taken(h);
	if (!advl_is_true(look, 0))
		return advl_give_up(h, advl_fail(h, ADVLOCK_SERVER,
										 "the server granted lock \"%s\" but does not show it in pg_locks",
										 h->op.taken->name));
	return take_next(h);
}

/* How long this slice may wait; 0: do not wait at all. */
static int
slice_ms(const advlock *h)
{
	int			left = advl_remaining(h->op.deadline);

	return left < 0 || left > SLICE_MS ? SLICE_MS : left;
}

static advlock_result
attempt(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	int			ms = slice_ms(h);
	advl_number timeout;
	advl_statement statements[3] = {
		{slice_sql, 1, {timeout}, false},
		{take_sql[ms == 0][lock->shared], 1, {lock->name}, true},
		{advl_holds_sql, 2, {lock->name, advl_mode_text(lock)}, true},
	};

	snprintf(timeout, sizeof(timeout), "%dms", ms);
	return advl_send(h, statements, 3, attempted, advl_attempt_ms(h));
}

/* Go on with the next lock that is wanted, or end when there is none. */
static advlock_result
take_next(advlock *h)
{
	if (h->op.wanted != NULL)
		return attempt(h);
	if (h->op.permit != NULL)
		return advl_take_permit(h);
	return advl_hold_all(h, &h->op.taken);
}

static advl_lock **
link_at(advl_lock **list, int position)
{
	while (position-- > 0)
		list = &(*list)->next;
	return list;
}

/* Put the wanted locks into the order the server gave. */
static advlock_result
ordered(advlock *h)
{
	const PGresult *rows = h->op.results[0];
	advl_lock  *sorted = NULL;
	int			count = PQntuples(rows);

	if (!advl_rows(rows))
		return advl_server_error(h, rows);
	while (count-- > 0)
	{
		advl_lock  *lock = *link_at(&h->op.wanted, atoi(PQgetvalue(rows, count, 0)) - 1);

		lock->sorted = sorted;
		sorted = lock;
	}
	h->op.wanted = sorted;
	for (; sorted != NULL; sorted = sorted->sorted)
		sorted->next = sorted->sorted;
	return take_next(h);
}

advlock_result
advl_start_fallback(advlock *h)
{
	advl_statement order = {order_sql, 1, {h->op.names.data}, true};

	if (h->op.options.permits > 0)
		return advl_start_permit(h);
	if (h->op.wanted->next == NULL)
		return take_next(h);
	return advl_send(h, &order, 1, ordered, ADVL_ANSWER_MS);
}

/* Wait for the locks that are wanted, in their order. */
advlock_result
advl_take_wanted(advlock *h)
{
	return take_next(h);
}
