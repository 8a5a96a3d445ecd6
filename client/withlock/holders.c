/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Asking the server who holds a lock, and putting it in words.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/holders.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "withlock/loop.h"
#include "withlock/message.h"
#include "withlock/queries.h"

/* Columns of the query, see queries.c. */
enum
{
	COLUMN_HELD,
	COLUMN_PID,
	COLUMN_USER,
	COLUMN_APPLICATION,
	COLUMN_CLIENT,
	COLUMN_MS,
	COLUMN_DELAY_MS
};

/* More holders than this are counted, not shown. */
#define SHOWN_HOLDERS 3

void
describe_duration(int64_t ms, char *buffer, size_t size)
{
	int64_t		s = ms / 1000;

	if (s < 60)
		snprintf(buffer, size, "%d s", (int) s);
	else if (s < 3600)
		snprintf(buffer, size, "%d min %d s", (int) (s / 60), (int) (s % 60));
	else
		snprintf(buffer, size, "%lld h %d min", (long long) (s / 3600),
				 (int) (s % 3600 / 60));
}

bool
holders_ask(const Options *options, advlock *session)
{
	PGconn	   *conn = advlock_connection(session);
	char		permits[16];
	char	   *names = query_name_array(options->names, options->name_count);
	const char *values[2] = {names, permits};
	bool		sent;

	snprintf(permits, sizeof(permits), "%d", options->permits);
	sent = names && PQsendQueryParams(conn, query_holders(advlock_has_extension(session)),
									  2, NULL, values, NULL, NULL, 0) == 1;
	free(names);
	return sent;
}

int
holders_count(const PGresult *result)
{
	int			row = 0;

	while (row < PQntuples(result) && *PQgetvalue(result, row, COLUMN_HELD) == 't')
		row++;
	return row;
}

/* "for 5 s" from a column of ms, if it is there. */
static void
put_duration(FILE *stream, const char *before, const PGresult *result, int row,
			 int column, const char *after)
{
	char		duration[32];

	if (PQgetisnull(result, row, column))
		return;
	describe_duration(atoll(PQgetvalue(result, row, column)), duration, sizeof(duration));
	fprintf(stream, "%s%s%s", before, duration, after);
}

static void
put_holder(FILE *stream, const PGresult *result, int row)
{
	put_duration(stream, "for ", result, row, COLUMN_MS, " ");
	if (PQgetisnull(result, row, COLUMN_PID))
		fputs("by a prepared transaction", stream);
	else
		fprintf(stream, "by pid %s (%s, %s, %s)", PQgetvalue(result, row, COLUMN_PID),
				PQgetvalue(result, row, COLUMN_USER),
				PQgetvalue(result, row, COLUMN_APPLICATION),
				PQgetvalue(result, row, COLUMN_CLIENT));
}

/* Is the row nobody's, but a name kept off after its holder was lost? */
static bool
is_delay(const PGresult *result, int row)
{
	return PQgetisnull(result, row, COLUMN_PID) && !PQgetisnull(result, row, COLUMN_DELAY_MS);
}

/* The first few holders; returns how many there are. */
static int
put_holders(FILE *stream, const PGresult *result)
{
	int			count = holders_count(result);
	int			row;

	for (row = 0; row < count && row < SHOWN_HOLDERS; row++)
	{
		if (row > 0)
			fputs(" and ", stream);
		if (is_delay(result, row))
			put_duration(stream, "kept off for ", result, row, COLUMN_DELAY_MS,
						 ", as its holder was lost");
		else
		{
			fputs("held ", stream);
			put_holder(stream, result, row);
		}
	}
	if (count > SHOWN_HOLDERS)
		fprintf(stream, " and %d more", count - SHOWN_HOLDERS);
	return count;
}

/* How many wait before the backend; all that wait if it is not among them. */
static int
count_ahead(const PGresult *result, int held, int waiter_pid)
{
	int			row;

	for (row = held; row < PQntuples(result); row++)
	{
		if (atoi(PQgetvalue(result, row, COLUMN_PID)) == waiter_pid)
			break;
	}
	return row - held;
}

/*
 * Nobody holds it.  After a start of the server, which forgot who did, those
 * who wait are kept off all the same for a while.
 */
static void
put_no_holder(FILE *stream, const PGresult *result, int waiter)
{
	if (waiter < PQntuples(result) && !PQgetisnull(result, waiter, COLUMN_DELAY_MS))
		put_duration(stream, "kept off for ", result, waiter, COLUMN_DELAY_MS,
					 ", as the server has started");
	else
		fputs("free", stream);
}

char *
holders_describe(const PGresult *result, int waiter_pid)
{
	char	   *text = NULL;
	size_t		size;
	FILE	   *stream;
	int			ahead;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return NULL;
	stream = open_memstream(&text, &size);
	if (stream == NULL)
		return NULL;
	ahead = count_ahead(result, holders_count(result), waiter_pid);
	if (waiter_pid && ahead > 0)
		fprintf(stream, "%d ahead, ", ahead);
	if (put_holders(stream, result) == 0)
		put_no_holder(stream, result, ahead);
	if (!waiter_pid && ahead > 0)
		fprintf(stream, "; %d waiting", ahead);
	return fclose(stream) == 0 ? text : NULL;
}

/* The answer to holders_ask(), or NULL if it does not come in time. */
static PGresult *
await_answer(PGconn *conn, int within_ms)
{
	int64_t		until = now_ms() + within_ms;

	while (PQisBusy(conn))
	{
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
		int64_t		left = until - now_ms();

		if (left < 0 || poll(&fd, 1, (int) left) < 0 || !PQconsumeInput(conn))
			return NULL;
	}
	return PQgetResult(conn);
}

void
holders_farewell(const Options *options, advlock *session, int within_ms)
{
	const char *name = options->names[0];
	PGresult   *result = NULL;
	char	   *holders = NULL;

	if (holders_ask(options, session))
		result = await_answer(advlock_connection(session), within_ms);
	holders = holders_describe(result, 0);
	say("lock \"%s\": not obtained%s%s", name, holders ? ": " : "",
		holders ? holders : "");
	if (holders && holders_count(result) > 0 && !PQgetisnull(result, 0, COLUMN_PID))
		say("to end the holder: withlock --kill \"%s\"", name);
	free(holders);
	PQclear(result);
}
