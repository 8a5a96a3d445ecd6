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
#include "libadvlock/probe.h"

/* More than the warnings that a server has for us, and less than 1 s of them. */
#define READS_AT_ONCE 100

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
	h->op.nstatements = count;
	if (!PQenterPipelineMode(h->conn) || !queue_statements(h, statements, count))
		return advl_lose(h);
	h->op.on_results = on_results;
	h->op.answer_by = advl_deadline(answer_ms);
	advl_probe_begin(h);
	return ADVLOCK_WAITING;
}

/* One more than there are statements is not kept, but noticed. */
static void
keep_result(advlock *h, PGresult *res)
{
	if (h->op.nresults < h->op.nstatements)
		h->op.results[h->op.nresults++] = res;
	else
	{
		PQclear(res);
		h->op.nstatements = -1;
	}
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
	bool		waited = h->op.deadline != NEVER && h->held == NULL;
	advlock_result r = advl_lose_because(h, "the server did not answer in time");

	h->may_pass = true;
	return waited ? ADVLOCK_BUSY : r;
}

/* Is there a transaction that the last statement should have ended? */
static bool
is_left_open(const advlock *h)
{
	return h->op.ends_idle && h->op.nresults == h->op.nstatements &&
		PQtransactionStatus(h->conn) != PQTRANS_IDLE;
}

/*
 * That statement was canceled, or ran into a timeout of the session's.  A
 * caller's connection must not be left in there: once more, with an answer in
 * the place of that one.
 */
static advlock_result
end_again(advlock *h)
{
	static const advl_statement rollback = {.sql = "ROLLBACK",.sync = true};

	PQclear(h->op.results[--h->op.nresults]);
	h->op.results[h->op.nresults] = NULL;
	if (!queue_statements(h, &rollback, 1))
		return advl_lose(h);
	return ADVLOCK_WAITING;
}

/* The last answer is in: is there one for each statement? */
static advlock_result
collected(advlock *h)
{
	if (is_left_open(h))
		return end_again(h);
	h->op.ends_idle = false;
	advl_probe_end(h);
	if (h->op.nresults != h->op.nstatements || !PQexitPipelineMode(h->conn))
		return advl_lose_because(h, "the server's answers do not match what it was asked");
	return ADVLOCK_OK;
}

/* Nothing of the server moves any more. */
static advlock_result
frozen(advlock *h)
{
	advlock_result r = advl_lose_because(h, "the server does not answer any more");

	h->may_pass = true;
	return r;
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
		return collected(h);
	if (!readable || PQstatus(h->conn) == CONNECTION_BAD)
		return advl_lose(h);
	if (advl_remaining(h->op.answer_by) == 0)
		return unanswered(h);
	return advl_probe_go_on(h) ? ADVLOCK_WAITING : frozen(h);
}

/*
 * Nothing is awaited: take what the server sends by itself.  The server's
 * last words and the end of the stream come apart, so read until nothing is
 * left; then a loss shows at once.  But a server that never stops must not
 * keep us here.
 */
advlock_result
advl_poll_idle(advlock *h)
{
	int			reads = 0;

	do
	{
		if (!PQconsumeInput(h->conn))
			return advl_lose(h);
		(void) PQisBusy(h->conn);	/* parses what was read */
		if (h->status != ADVLOCK_OK || PQstatus(h->conn) == CONNECTION_BAD)
			return advl_lose(h);
	} while (++reads < READS_AT_ONCE && advl_is_ready(PQsocket(h->conn), POLLIN));
	return ADVLOCK_OK;
}
