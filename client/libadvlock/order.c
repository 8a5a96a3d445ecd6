/*-------------------------------------------------------------------------
 *
 * order.c
 *	  The order in which several locks are taken, in every session the same.
 *
 * It is that of the keys, which the server knows.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* Positions, counted from 1, in the order of the keys. */
static const char order_sql[] =
"SELECT l.position FROM " ADVL_ROWS " WITH ORDINALITY AS l(" ADVL_COLUMNS ", position), "
ADVL_ROW_KEYS("l.name")
" ORDER BY k.key1 USING OPERATOR(pg_catalog.<), k.key2 USING OPERATOR(pg_catalog.<),"
" k.space USING OPERATOR(pg_catalog.<)";

static int
count_locks(const advl_lock *lock)
{
	int			count = 0;

	for (; lock != NULL; lock = lock->next)
		count++;
	return count;
}

/* Is what the server gave an order of so many? */
static bool
is_order(const PGresult *rows, int count, advl_lock **ordered, advl_lock **locks)
{
	int64_t		position;

	if (PQntuples(rows) != count)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!advl_number_at(rows, i, 0, &position) || position < 1 ||
			position > count || locks[position - 1] == NULL)
			return false;
		ordered[i] = locks[position - 1];
		locks[position - 1] = NULL;
	}
	return true;
}

/* Put the wanted locks into the order the server gave; room for twice count. */
static bool
put_in_order(advlock *h, const PGresult *rows, int count, advl_lock **room)
{
	advl_lock **link = &h->op.wanted;
	int			i = 0;

	for (advl_lock *lock = h->op.wanted; lock != NULL; lock = lock->next)
		room[count + i++] = lock;
	if (!is_order(rows, count, room, room + count))
		return false;
	for (i = 0; i < count; i++)
	{
		*link = room[i];
		link = &room[i]->next;
	}
	*link = NULL;
	return true;
}

static advlock_result
ordered(advlock *h)
{
	const PGresult *rows = h->op.results[0];
	int			count = count_locks(h->op.wanted);
	advl_lock **room;
	bool		sound;

	advl_arrays_free(&h->op.arrays);
	if (!advl_rows(rows))
		return advl_server_error(h, rows);
	room = calloc(2 * (size_t) count, sizeof(*room));
	if (room == NULL)
		return advl_no_memory(h);
	sound = put_in_order(h, rows, count, room);
	free(room);
	if (!sound)
		return advl_fail(h, ADVLOCK_SERVER, "the server did not order the locks");
	return h->op.when_ordered(h);
}

/* Put the wanted locks into their order, and go on with the handler. */
advlock_result
advl_in_order(advlock *h, advl_handler when_ordered)
{
	advl_statement order;

	h->op.when_ordered = when_ordered;
	advl_arrays_free(&h->op.arrays);
	if (!advl_arrays_fill(&h->op.arrays, h->op.wanted))
		return advl_no_memory(h);
	order = advl_arrays_statement(&h->op.arrays, order_sql);
	return advl_send(h, &order, 1, ordered, ADVL_ANSWER_MS);
}
