/*-------------------------------------------------------------------------
 *
 * permit.c
 *	  Permits where the server lacks the extension.
 *
 * By the extension's rules: permit i of N is the lock "N#i", and only the
 * holder of "N#queue" looks for a free one, so that nobody is overtaken.  It
 * looks again and again, with a pause that grows.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

#define MIN_PAUSE_MS 5
#define MAX_PAUSE_MS 50

/*
 * The first free permit of $2 that is not among $3, those we hold: it stops
 * at the first it gets.  In FROM by itself the series would be made in full.
 */
static const char find_sql[] =
"SELECT i.permit FROM (SELECT pg_catalog.generate_series(1, CAST($2 AS pg_catalog.int4))) AS i(permit)"
" WHERE i.permit" ADVL_OP("<>") "ALL (CAST($3 AS pg_catalog._int4))"
" AND (SELECT pg_catalog.pg_try_advisory_lock(k.key1, k.key2) FROM "
ADVL_KEYS(ADVL_PERMIT_NAME(ADVL_NAME, "i.permit")) ")"
" LIMIT 1";

static advlock_result look_for_permit(advlock *h);

/* The permit is ours, and the queue is left. */
static advlock_result
left_queue(advlock *h)
{
	advl_lock  *permit = h->op.permit;

	if (!advl_rows(h->op.results[0]))
		return advl_take_back(h, advl_server_error(h, h->op.results[0]));
	h->op.permit = NULL;
	advl_hold(h, permit);
	return ADVLOCK_OK;
}

static advlock_result
searched(advlock *h)
{
	const PGresult *row = h->op.results[0];
	int64_t		permit;

	if (PQresultStatus(row) != PGRES_TUPLES_OK)
		return advl_take_back(h, advl_server_error(h, row));
	if (PQntuples(row) > 0)
	{
		if (!advl_number_at(row, 0, 0, &permit) || permit < 1 ||
			permit > h->op.options.permits)
			return advl_lose_because(h, "the server gave a permit that was not asked for");
		h->op.permit->permit = (int) permit;
		return advl_send_release(h, h->op.taken, left_queue, ADVL_ANSWER_MS);
	}
	if (advl_remaining(h->op.deadline) == 0)
		return advl_give_up(h, advl_busy(h, h->op.permit));
	h->op.pause_ms = 2 * h->op.pause_ms > MAX_PAUSE_MS ? MAX_PAUSE_MS : 2 * h->op.pause_ms;
	return advl_sleep(h, h->op.pause_ms, look_for_permit);
}

static void
append_held_permits(advlock *h, advl_text *array)
{
	const advl_lock *lock = h->held;

	advl_text_append(array, "{0");
	while ((lock = advl_find((advl_lock *) lock, h->op.permit->name)) != NULL)
	{
		advl_text_appendf(array, ",%d", lock->permit);
		lock = lock->next;
	}
	advl_text_append(array, "}");
}

/* We are first in the queue: look for a free permit. */
static advlock_result
look_for_permit(advlock *h)
{
	advl_number permits;
	advl_text	held = {0};
	advl_statement find = {find_sql, 3, {advl_parameter(h->op.permit), permits}, true};
	advlock_result r;

	append_held_permits(h, &held);
	find.params[2] = advl_text_str(&held);
	snprintf(permits, sizeof(permits), "%d", h->op.options.permits);
	if (find.params[2] == NULL)
		r = advl_give_up(h, advl_no_memory(h));
	else
		r = advl_send(h, &find, 1, searched, ADVL_ANSWER_MS);
	advl_text_free(&held);
	return r;
}

/* Queue up, by wanting the lock of the queue in place of the name's. */
advlock_result
advl_take_permit(advlock *h)
{
	advl_text	queue = {0};

	advl_text_appendf(&queue, "%s" ADVL_QUEUE, h->op.wanted->name);
	h->op.permit = h->op.wanted;
	h->op.wanted = queue.broken ? NULL : advl_lock_new(queue.data, false);
	advl_text_free(&queue);
	h->op.when_taken = look_for_permit;
	h->op.pause_ms = MIN_PAUSE_MS;
	if (h->op.wanted == NULL)
		return advl_no_memory(h);
	return advl_take_wanted(h);
}
