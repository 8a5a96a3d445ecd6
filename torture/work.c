/*-------------------------------------------------------------------------
 *
 * work.c
 *	  What is done under a lock: a counter is read, and written a while later.
 *
 *	  torture.look() and torture.store() are the resource: store() makes the
 *	  counter one more than what was read, and fails when somebody else has
 *	  written meanwhile, an update that would be lost.  With a token, both
 *	  fence with it, in the same transaction.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"

#define BEAT_MS 5

bool
is_gone(PGconn *conn)
{
	struct pollfd pfd = {.fd = PQsocket(conn), .events = POLLIN};

	if (pfd.fd < 0)
		return true;
	if (poll(&pfd, 1, 0) > 0 && !PQconsumeInput(conn))
		return true;
	return PQstatus(conn) != CONNECTION_OK;
}

/* Sleeps until the end, a beat at a time; false when the lock is lost. */
static bool
think(PGconn *guard, const char *name, int64_t token, int64_t until)
{
	int64_t		now;

	while ((now = history_now()) < until)
	{
		int64_t		left_us = (until - now) / 1000;

		usleep(left_us < BEAT_MS * 1000 ? left_us : BEAT_MS * 1000);
		if (guard && is_gone(guard))
			return false;
		history_event("beat", name, token, 0, "");
	}
	return true;
}

/* The counter, or -1. */
static int64_t
look(PGconn *conn, const char *name, const char *token, char *sqlstate)
{
	const char *values[] = {name, token};
	PGresult   *res = PQexecParams(conn, "SELECT torture.look($1, $2)", 2, NULL, values, NULL, NULL, 0);
	const char *code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	int64_t		value = -1;

	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		value = atoll(PQgetvalue(res, 0, 0));
	snprintf(sqlstate, 6, "%s", code ? code : "08006");
	PQclear(res);
	return value;
}

static bool
store(PGconn *conn, const char *name, const char *token, int64_t seen, char *sqlstate)
{
	char		number[32];
	const char *values[] = {name, token, number};
	PGresult   *res;
	const char *code;
	bool		done;

	snprintf(number, sizeof(number), "%" PRId64, seen);
	res = PQexecParams(conn, "SELECT torture.store($1, $2, $3)", 3, NULL, values, NULL, NULL, 0);
	done = PQresultStatus(res) == PGRES_TUPLES_OK;
	code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	snprintf(sqlstate, 6, "%s", code ? code : "08006");
	PQclear(res);
	return done;
}

/* Why the resource did not take part; only one of the reasons is right. */
static Worked
refused(PGconn *conn, const char *name, int64_t token, const char *sqlstate)
{
	if (PQstatus(conn) != CONNECTION_OK)
		return WORKED_LOST;
	history_event(strcmp(sqlstate, "23505") == 0 ? "lost_update" : "refused",
				  name, token, 0, sqlstate);
	return WORKED_STALE;
}

Worked
work(const Orders *orders, PGconn *guard, PGconn *conn, const char *name, int64_t token)
{
	int64_t		until = history_now() + (int64_t) hold_ms(orders) * 1000000;
	char		token_text[32];
	char		sqlstate[6];
	int64_t		seen = 0;

	if (conn == NULL || token == 0 || !(orders->fenced || orders->unchecked))
		return think(guard, name, token, until) ? WORKED : WORKED_LOST;

	snprintf(token_text, sizeof(token_text), "%" PRId64, token);
	seen = look(conn, name, orders->fenced ? token_text : NULL, sqlstate);
	if (seen < 0)
		return refused(conn, name, token, sqlstate);
	if (!think(guard, name, token, until))
		return WORKED_LOST;
	if (!store(conn, name, orders->fenced ? token_text : NULL, seen, sqlstate))
		return refused(conn, name, token, sqlstate);
	history_event("stored", name, token, 0, "");
	return WORKED;
}
