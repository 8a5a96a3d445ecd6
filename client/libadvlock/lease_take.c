/*-------------------------------------------------------------------------
 *
 * lease_take.c
 *	  Ask for a lease, in turn and without keeping a process of the server's.
 *
 * Each question is a transaction of a moment; between them a pooler has its
 * connection to the server for others.  The place in the queue is kept by the
 * server under a number, the ticket.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/*
 * How often to ask: who is next wants to know soon, the others have to ask
 * often enough to keep their places (10 s).
 */
#define NEXT_ASKS_EVERY_MS 200
#define OTHERS_ASK_EVERY_MS 1000

/* How long to wait for the server to hear that we do not ask any more. */
#define LEAVE_MS 500

/*
 * The row as text, "(ticket,token,ahead,...)": a guard can stand for no more
 * than one value.
 */
#define ASK(lock) \
	"SELECT " ADVL_CALL("CAST(advisory_lock.queue_lease(" lock "," \
						" CAST($2 AS pg_catalog.interval), CAST($3 AS pg_catalog.int8)," \
						" CAST($4 AS pg_catalog.text)) AS pg_catalog.text)", "text")
#define LEAVE(lock) \
	"SELECT " ADVL_CALL("advisory_lock.leave_lease_queue(" lock ", CAST($2 AS pg_catalog.int8))", "bool")

/* For the transaction of the question alone: a pooler's session is shared. */
static const char delay_sql[] =
"SELECT pg_catalog.set_config('advisory_lock.lock_delay', CAST($1 AS pg_catalog.text), true)";

static const char *const ask_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(ASK);
static const char *const leave_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(LEAVE);

typedef struct Answer
{
	int64_t		ticket;
	int64_t		token;			/* 0: not yet */
	int64_t		ahead;			/* of us, in the queue */
} Answer;

static bool
read_answer(const char *text, Answer *answer)
{
	answer->token = 0;
	if (*text++ != '(' || !advl_number_in(&text, &answer->ticket) || *text++ != ',')
		return false;
	if (*text != ',' && (!advl_number_in(&text, &answer->token) || answer->token < 1))
		return false;
	if (*text++ != ',')
		return false;
	return *text == ',' ? answer->token > 0 : advl_number_in(&text, &answer->ahead);
}

/* === Giving up === */

static advlock_result
left(advlock *h)
{
	h->ticket = 0;
	return advl_busy(h, h->op.wanted);
}

/* Whoever is behind us shall not wait until the server misses us. */
static advlock_result
leave(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	advl_number ticket;
	advl_statement statement = {leave_sql[lock->kind], 2, {advl_parameter(lock), ticket}, true};

	snprintf(ticket, sizeof(ticket), "%lld", (long long) h->ticket);
	return advl_send(h, &statement, 1, left, LEAVE_MS);
}

/* === Asking === */

static advlock_result ask(advlock *h);

static advlock_result
ask_again(advlock *h, const Answer *answer)
{
	int			pause = answer->ahead > 0 ? OTHERS_ASK_EVERY_MS : NEXT_ASKS_EVERY_MS;
	int			left_ms = advl_remaining(h->op.deadline);

	h->ticket = answer->ticket;
	if (left_ms == 0)
		return leave(h);
	return advl_sleep(h, left_ms < 0 || left_ms > pause ? pause : left_ms, ask);
}

static advlock_result
asked(advlock *h)
{
	const PGresult *row = h->op.results[h->op.nresults - 1];
	Answer		answer;

	if (!advl_rows(row))
		return advl_server_error(h, row);
	if (!read_answer(advl_value(row, 0), &answer))
		return advl_lose_because(h, "the server's answer to queue_lease() makes no sense");
	if (answer.token == 0)
		return ask_again(h, &answer);
	h->ticket = 0;
	h->op.wanted->token = answer.token;
	return advl_keep_lease(h);
}

static advlock_result
ask(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	advl_lease *lease = h->op.lease;
	advl_number delay,
				duration,
				ticket;
	advl_statement statements[2];
	int			n = 0;

	snprintf(delay, sizeof(delay), "%d", h->op.options.lock_delay_ms);
	if (h->op.options.lock_delay_ms >= 0)
		statements[n++] = (advl_statement) {delay_sql, 1, {delay}, false};
	statements[n++] = (advl_statement) {ask_sql[lock->kind], 4,
		{advl_parameter(lock), duration, h->ticket == 0 ? NULL : ticket, h->op.options.holder}, true};

	snprintf(duration, sizeof(duration), "%d milliseconds", lease->duration_ms);
	snprintf(ticket, sizeof(ticket), "%lld", (long long) h->ticket);
	lease->asked_at = now_ms();
	return advl_send(h, statements, n, asked, ADVL_ANSWER_MS);
}

/*
 * Take op.wanted by a lease as op.options say.  While it waits the handle has
 * its session; that ends when the lease is had.
 */
advlock_result
advl_take_lease(advlock *h)
{
	const advlock_options *o = &h->op.options;

	if (!h->way->extension)
		return advl_lack_extension(h, "a lease needs");
	h->op.lease = calloc(1, sizeof(advl_lease));
	if (h->op.lease == NULL)
		return advl_no_memory(h);
	h->op.lease->duration_ms = o->lease_ms;
	h->op.lease->stop_ms = o->stop_ms;
	h->op.lease->at_least_ms = o->at_least_ms;
	h->ticket = o->lease_ticket;
	return ask(h);
}

int64_t
advlock_lease_ticket(const advlock *h)
{
	return h == NULL ? 0 : h->ticket;
}
