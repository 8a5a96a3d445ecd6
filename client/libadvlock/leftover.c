/*-------------------------------------------------------------------------
 *
 * leftover.c
 *	  Give back what a failed attempt to lock has left held.
 *
 * A statement that took a lock can fail all the same: a cancel, or the
 * statement_timeout of an attached connection, comes between the grant and
 * the end of the statement, and the locks of a session survive it.  So after
 * an error the server is asked what it left, and that is given back; where
 * that cannot be had, the session ends.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* A cancel may come again, for what asks or what gives back. */
#define MAX_ATTEMPTS 10

/* Time for that, beyond what is left of the operation's own. */
#define AT_LEAST_MS 1000

/*
 * Which of the locks in the rows does the session hold?  A row with a permit
 * asks for each from 1 to that.
 */
#define LEFTOVER \
	"SELECT l.position, i.permit FROM " ADVL_ROWS \
	" WITH ORDINALITY AS l(" ADVL_COLUMNS ", position)," \
	" LATERAL pg_catalog.generate_series(CASE WHEN l.permit" ADVL_OP(">") "0 THEN 1 ELSE 0 END," \
	" l.permit) AS i(permit), " \
	ADVL_ROW_KEYS("CASE WHEN i.permit" ADVL_OP(">") "0 THEN " \
				  ADVL_PERMIT_NAME("l.name", "i.permit") " ELSE l.name END") \
	" WHERE " ADVL_HOLDS("CASE WHEN l.shared THEN 'ShareLock' ELSE 'ExclusiveLock' END")

static const advl_question leftover_question = {
	.by_extension = LEFTOVER,
	.by_keys = LEFTOVER,
	.limited = true
};

static advlock_result ask(advlock *h);

static int
answer_ms(const advlock *h)
{
	int			left = advl_remaining(h->op.answer_by);

	return left < 0 || left > ADVL_ANSWER_MS ? ADVL_ANSWER_MS : advl_longer(left, AT_LEAST_MS);
}

static advlock_result
again(advlock *h)
{
	if (h->status != ADVLOCK_OK)
		return h->status;
	if (++h->op.attempts < MAX_ATTEMPTS)
		return ask(h);
	return advl_lose_because(h, "could not release locks that were taken in vain");
}

/* It is not known of what was taken whether it has been given back. */
static void
doubt_taken(advlock *h)
{
	advl_lock **end = &h->op.taken;

	while (*end != NULL)
		end = &(*end)->next;
	*end = h->op.wanted;
	h->op.wanted = h->op.taken;
	h->op.taken = NULL;
}

static advlock_result
released(advlock *h)
{
	if (advl_rows(h->op.results[0]))
		return h->op.outcome;
	doubt_taken(h);
	return again(h);
}

static advlock_result
release(advlock *h)
{
	advlock_result r;

	if (h->op.taken == NULL)
		return h->op.outcome;
	r = advl_send_release(h, h->op.taken, released, answer_ms(h));
	return r == ADVLOCK_NOMEM ? advl_lose_because(h, advlock_error(NULL)) : r;
}

/* Is it a permit that the handle had before? */
static bool
is_held_permit(const advlock *h, const char *name, int permit)
{
	advl_lock  *lock = h->held;

	while ((lock = advl_find(lock, name)) != NULL && lock->permit != permit)
		lock = lock->next;
	return lock != NULL;
}

/* The server holds it for us: since the attempt, or since before it? */
static void
sort_out(advlock *h, advl_lock **link, int permit)
{
	advl_lock  *lock = *link;
	advl_lock  *before = permit > 0 ? NULL : advl_find_mode(h->held, lock->name, lock->shared);

	if (permit > 0 && is_held_permit(h, lock->name, permit))
		return;
	if (before != NULL)
	{
		before->unsure++;
		return;
	}
	*link = lock->next;
	lock->permit = permit;
	lock->next = h->op.taken;
	h->op.taken = lock;
}

/* The entry of the list at a position counted from 1, NULL behind its end. */
static advl_lock **
entry(advl_lock **list, int64_t position)
{
	while (*list != NULL && --position > 0)
		list = &(*list)->next;
	return *list != NULL ? list : NULL;
}

/* From the last one to the first, since those found leave the list. */
static advlock_result
found(advlock *h)
{
	const PGresult *rows = h->op.results[0];

	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		return again(h);
	for (int i = PQntuples(rows) - 1; i >= 0; i--)
	{
		int64_t		position = 0;
		int64_t		permit = 0;
		advl_lock **link = NULL;

		if (advl_number_at(rows, i, 0, &position) && advl_number_at(rows, i, 1, &permit))
			link = entry(&h->op.wanted, position);
		if (link != NULL)
			sort_out(h, link, (int) permit);
	}
	return release(h);
}

static advlock_result
ask(advlock *h)
{
	advl_arrays_free(&h->op.arrays);
	if (!advl_arrays_fill(&h->op.arrays, h->op.wanted))
		return advl_lose_because(h, advlock_error(NULL));
	return advl_ask(h, &leftover_question, found, answer_ms(h));
}

advlock_result
advl_give_up(advlock *h, advlock_result outcome)
{
	h->op.outcome = outcome;
	return release(h);
}

advlock_result
advl_take_back(advlock *h, advlock_result outcome)
{
	if (h->status != ADVLOCK_OK)
		return outcome;
	if (h->op.permit != NULL)
	{
		doubt_taken(h);
		h->op.permit->next = h->op.wanted;
		h->op.wanted = h->op.permit;
		h->op.permit = NULL;
	}
	if (h->op.options.permits > 0)
		h->op.wanted->permit = h->op.options.permits;
	h->op.outcome = outcome;
	return ask(h);
}
