/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Ask about locks that are held: the extension, or else core.
 *
 * The extension can go while its locks are held: it is dropped, or somebody
 * takes the right to use its schema away.  The locks themselves are core's,
 * so what the extension cannot answer any more, core's functions can.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

/*
 * Somebody who rewrites a catalog must not keep the answer from us for
 * longer than a holder may be silent.  An error is an answer, too.
 */
#define LIMIT "SET LOCAL statement_timeout = '2s'"

/* Inside a transaction nothing of ours may end it. */
static const advl_statement enter_transaction[] = {
	{.sql = "SAVEPOINT advlock_ask"},
	{.sql = LIMIT},
};
static const advl_statement leave_transaction[] = {
	{.sql = "ROLLBACK TO SAVEPOINT advlock_ask",.sync = true},
	{.sql = "RELEASE SAVEPOINT advlock_ask",.sync = true},
};

/* Outside, a limit needs one. */
static const advl_statement enter_limited[] = {
	{.sql = "BEGIN"},
	{.sql = LIMIT},
};

/*
 * Where the transaction could not even begin, ROLLBACK alone would be a
 * warning, which the caller's notice receiver may print.  AND CHAIN makes it
 * an error, which comes to us, and ends the matter.
 */
static const advl_statement leave_limited[] = {
	{.sql = "ROLLBACK AND CHAIN"},
	{.sql = "ROLLBACK",.sync = true},
};

static advlock_result answered(advlock *h);

bool
advl_in_transaction(const advlock *h)
{
	return PQtransactionStatus(h->conn) != PQTRANS_IDLE;
}

static int
append(advl_statement *statements, int n, const advl_statement *more, int count)
{
	memcpy(statements + n, more, count * sizeof(*more));
	return n + count;
}

#define APPEND(statements, n, more) \
	append(statements, n, more, sizeof(more) / sizeof((more)[0]))

/* A statement about op.arrays with what belongs around it; returns how many. */
static int
build(advlock *h, advl_statement *statements, advl_statement statement, bool transaction,
	  bool limited)
{
	int			n = 0;

	if (transaction)
		n = APPEND(statements, n, enter_transaction);
	else if (limited)
		n = APPEND(statements, n, enter_limited);
	h->op.asked_at = n;
	h->op.ends_idle = limited && !transaction;
	statements[n++] = statement;
	if (transaction)
		n = APPEND(statements, n, leave_transaction);
	else if (limited)
		n = APPEND(statements, n, leave_limited);
	return n;
}

static advlock_result
send_question(advlock *h, advl_statement statement, int answer_ms)
{
	advl_statement statements[ADVL_MAX_STATEMENTS];
	int			n = build(h, statements, statement, advl_in_transaction(h),
						  h->op.question->limited || !h->own_conn);

	return advl_send(h, statements, n, answered, answer_ms);
}

/*
 * The question to the extension.  Of one lock it is a shorter text: most of
 * what a question costs in a new session is to look up what it names.
 */
static advl_statement
ask_extension(advlock *h, const advl_question *question, bool of_one)
{
	advl_arrays *arrays = &h->op.arrays;

	return of_one ? advl_arrays_statement_of_one(arrays, question->of_one, question->params_of_one) :
		advl_arrays_statement(arrays, question->by_extension);
}

static advl_statement
ask_core(const advlock *h, const advl_question *question)
{
	return advl_arrays_statement(&h->op.arrays, question->by_keys);
}

/* Where the text about all has been rehearsed, that about one is not used. */
static bool
is_of_one(const advlock *h, const advl_question *question)
{
	const advl_arrays *arrays = &h->op.arrays;

	return question->of_one != NULL && advl_arrays_name_one(arrays) &&
		(question->once ? arrays->times == 1 && !arrays->last->shared :
		 h->warm != ADVL_WARM_OF_ALL);
}

/* The answer, or the error that came before it. */
static int
answer_at(const advlock *h)
{
	int			i = 0;

	while (i < h->op.asked_at && advl_done(h->op.results[i]))
		i++;
	return i;
}

/*
 * Are core's functions to be asked?  Once; but a release that was canceled may
 * have been done, and is asked again only if another one is not one too many.
 */
static bool
core_is_to_answer(advlock *h, const PGresult *answer)
{
	const char *state = advl_state(answer);
	bool		canceled = advl_meaning(state) == ADVLOCK_CANCELED;

	if (canceled && h->op.released != NULL && !h->op.may_be_released)
	{
		h->op.may_be_released = true;
		return h->op.released->count == 1;
	}
	return state[0] != '\0' && !h->op.asked_core;
}

/*
 * Move the answer to the front.  The extension is not asked again where it
 * failed.
 */
static advlock_result
answered(advlock *h)
{
	int			at = answer_at(h);
	PGresult   *answer = h->op.results[at];

	if (PQresultStatus(answer) == PGRES_TUPLES_OK || !core_is_to_answer(h, answer))
	{
		h->op.results[at] = h->op.results[0];
		h->op.results[0] = answer;
		return h->op.on_answer(h);
	}
	h->op.asked_core = true;
	return send_question(h, ask_core(h, h->op.question), advl_remaining(h->op.answer_by));
}

/*
 * Ask about the locks in op.arrays; on_answer finds the answer as the first
 * of the results.  The server has answer_ms for all of it.
 */
advlock_result
advl_ask(advlock *h, const advl_question *question, advl_handler on_answer,
		 int answer_ms)
{
	h->op.question = question;
	h->op.on_answer = on_answer;
	h->op.asked_core = !h->way->extension;
	return send_question(h, h->op.asked_core ? ask_core(h, question) :
						 ask_extension(h, question, is_of_one(h, question)), answer_ms);
}

static advl_warmth
warmth_for_wanted(const advlock *h)
{
	const advl_lock *lock = h->op.wanted;

	return h->way->extension && h->held == NULL && lock->next == NULL &&
		lock->kind == ADVL_BY_NAME && h->op.options.permits == 0 ?
		ADVL_WARM_OF_ONE : ADVL_WARM_OF_ALL;
}

/*
 * Statements that ask the question about op.wanted, to be sent with others
 * outside a transaction: what is looked up in catalogs for it is at hand
 * later, when they may be out of reach.  Returns how many, 0 if this has been
 * done before.
 */
int
advl_rehearse(advlock *h, const advl_question *question, advl_statement *statements)
{
	advl_warmth warm = warmth_for_wanted(h);

	if (warm <= h->warm || h->op.arrays.names.len > 0 ||
		!advl_arrays_fill(&h->op.arrays, h->op.wanted))
		return 0;
	h->warm = warm;
	return build(h, statements, !h->way->extension ? ask_core(h, question) :
				 ask_extension(h, question, warm == ADVL_WARM_OF_ONE), false, true);
}
