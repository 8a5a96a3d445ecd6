/*-------------------------------------------------------------------------
 *
 * exchange.c
 *	  One round trip: send statements, collect their results.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>

#include "libadvlock/internal.h"

void
advl_clear_results(advlock *h)
{
	while (h->op.nresults > 0)
		PQclear(h->op.results[--h->op.nresults]);
}

/* Did it succeed and bring a row? */
bool
advl_rows(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) > 0;
}

/* Is the column of the first row the boolean true? */
bool
advl_is_true(const PGresult *res, int column)
{
	return advl_rows(res) && strcmp(PQgetvalue(res, 0, column), "t") == 0;
}

/*
 * Did a function that takes a lock say no?  Those that wait cannot: they give
 * a token, or nothing.
 */
bool
advl_refused(const PGresult *res)
{
	return advl_rows(res) && strcmp(PQgetvalue(res, 0, 0), "f") == 0;
}

static bool
queue_statements(advlock *h, const advl_statement *statements, int count)
{
	for (int i = 0; i < count; i++)
	{
		const advl_statement *s = &statements[i];

		if (!PQsendQueryParams(h->conn, s->sql, s->nparams, NULL,
							   s->params, NULL, NULL, 0))
			return false;
		if (s->sync || i == count - 1)
		{
			if (!PQpipelineSync(h->conn))
				return false;
			h->op.syncs_left++;
		}
	}
	return PQflush(h->conn) >= 0;
}

/*
 * Send the statements and name the function that gets the results, in
 * h->op.results, one for each statement.  The server has answer_ms to answer
 * (-1: for ever), else the session is given up.
 */
advlock_result
advl_send(advlock *h, const advl_statement *statements, int count,
		  advl_handler on_results, int answer_ms)
{
	advl_clear_results(h);
	h->op.syncs_left = 0;
	if (!PQenterPipelineMode(h->conn) || !queue_statements(h, statements, count))
		return advl_lose(h);
	h->op.on_results = on_results;
	h->op.answer_by = advl_deadline(answer_ms);
	return ADVLOCK_WAITING;
}

static void
keep_result(advlock *h, PGresult *res)
{
	if (h->op.nresults < ADVL_MAX_STATEMENTS)
		h->op.results[h->op.nresults++] = res;
	else
		PQclear(res);
}

/* Take what has arrived; true when the last answer was among it. */
static bool
collect(advlock *h)
{
	while (!PQisBusy(h->conn))
	{
		PGresult   *res = PQgetResult(h->conn);

		if (res == NULL)
		{
			/* Only a separator, unless the connection has failed. */
			if (PQstatus(h->conn) == CONNECTION_BAD)
				return false;
		}
		else if (PQresultStatus(res) != PGRES_PIPELINE_SYNC)
			keep_result(h, res);
		else
		{
			PQclear(res);
			if (--h->op.syncs_left == 0)
				return true;
		}
	}
	return false;
}

/*
 * The server is silent.  Whatever it does later happens in a session we have
 * given up.  To who waited for a first lock this is the end of the time given.
 */
static advlock_result
unanswered(advlock *h)
{
	bool		waited = h->op.deadline >= 0 && h->held == NULL;
	advlock_result r = advl_lose_because(h, "the server did not answer in time");

	h->may_pass = true;
	return waited ? ADVLOCK_BUSY : r;
}

/*
 * ADVLOCK_OK when all results are there, ADVLOCK_WAITING before, and what
 * advl_lose() says when the session is gone.
 */
advlock_result
advl_receive(advlock *h)
{
	bool		readable;

	if (PQflush(h->conn) < 0)
		return advl_lose(h);
	readable = PQconsumeInput(h->conn) == 1;
	if (collect(h))
	{
		PQexitPipelineMode(h->conn);
		return ADVLOCK_OK;
	}
	if (!readable || PQstatus(h->conn) == CONNECTION_BAD)
		return advl_lose(h);
	return advl_remaining(h->op.answer_by) == 0 ? unanswered(h) : ADVLOCK_WAITING;
}

/*
 * Nothing is awaited: take what the server sends by itself.  The server's
 * last words and the end of the stream come apart, so read until nothing is
 * left; then a loss shows at once.
 */
advlock_result
advl_poll_idle(advlock *h)
{
	do
	{
		if (!PQconsumeInput(h->conn))
			return advl_lose(h);
		(void) PQisBusy(h->conn);	/* parses what was read */
		if (h->status != ADVLOCK_OK || PQstatus(h->conn) == CONNECTION_BAD)
			return advl_lose(h);
	} while (advl_is_ready(PQsocket(h->conn), POLLIN));
	return ADVLOCK_OK;
}
