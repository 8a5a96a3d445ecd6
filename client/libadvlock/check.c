/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Ask the server whether what we hold is still held.
 *
 * That the server lives and that the lock is ours are two questions.  Any
 * answer settles the first, an error included; the second is open until an
 * answer says yes or no.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* The server process, and the first lock for which the condition holds. */
#define FIRST(more, condition) \
	"SELECT pg_catalog.pg_backend_pid(), (SELECT l.position FROM " ADVL_ROWS \
	" WITH ORDINALITY AS l(" ADVL_COLUMNS ", position)" more \
	" WHERE " condition " LIMIT 1)"

/* It is not held any more, or not with our token. */
#define BY_EXTENSION \
	FIRST("", "COALESCE(" \
		  ADVL_CALL(ADVL_ROW_CALL("token", ADVL_FULL_NAME), "int8") \
		  ADVL_OP("<>") "l.token, true)")

#define OF_ONE \
	"SELECT pg_catalog.pg_backend_pid(), CASE WHEN COALESCE(" \
	ADVL_CALL("advisory_lock.token(" ADVL_NAME ")", "int8") \
	ADVL_OP("<>") ADVL_TOKEN ", true) THEN 1 END"

const advl_question advl_check_question = {
	.by_extension = BY_EXTENSION,
	.of_one = OF_ONE,
	.params_of_one = 2,
	.by_keys = FIRST(", " ADVL_ROW_KEYS(ADVL_FULL_NAME),
					 "NOT " ADVL_HOLDS("CASE WHEN l.shared THEN 'ShareLock' ELSE 'ExclusiveLock' END")),
	.limited = true
};

/* One of the locks is gone though the session is not. */
static advlock_result
lock_gone(advlock *h, int64_t position)
{
	advl_lock  *lock = h->held;

	while (--position > 0 && lock->next != NULL)
		lock = lock->next;
	(void) advl_fail(h, ADVLOCK_LOST, "lock %s is not held any more", lock->title);
	advl_forget(h, lock);
	return ADVLOCK_LOST;
}

/* The server lives, but does not say what we asked. */
static advlock_result
unknown(advlock *h, const PGresult *answer)
{
	advlock_result r = advl_server_error(h, answer);

	return h->status == ADVLOCK_OK ? ADVLOCK_SERVER : r;
}

static advlock_result
checked(advlock *h)
{
	const PGresult *row = h->op.results[0];
	int64_t		number;

	if (!advl_rows(row))
		return unknown(h, row);
	if (h->held == NULL)
		return ADVLOCK_OK;
	if (!advl_number_at(row, 0, 0, &number) || number != h->pid)
		return advl_lost_already(h, "the server process is not the one that held the locks");
	if (advl_is_null(row, 1))
		return ADVLOCK_OK;
	return lock_gone(h, advl_number_at(row, 0, 1, &number) ? number : 1);
}

advlock_result
advl_check_session(advlock *h)
{
	if (PQtransactionStatus(h->conn) == PQTRANS_INERROR)
		return advl_fail(h, ADVLOCK_SERVER,
						 "cannot check locks before the failed transaction is rolled back");
	if (!advl_arrays_fill(&h->op.arrays, h->held))
		return advl_no_memory(h);
	return advl_ask(h, &advl_check_question, checked, ADVL_ANSWER_MS);
}

/* A transaction that fails has released its locks, not only one that ends. */
advlock_result
advl_check_transaction(advlock *h)
{
	PGTransactionStatusType status = PQtransactionStatus(h->conn);

	if (h->held == NULL || status == PQTRANS_INTRANS)
		return advl_check_session(h);
	advl_locks_free(&h->held);
	return advl_fail(h, ADVLOCK_LOST, "the transaction has %s, and with it the locks are gone",
					 status == PQTRANS_INERROR ? "failed" : "ended");
}

advlock_result
advlock_start_check(advlock *h)
{
	advlock_result r = advl_begin(h);

	return advl_started(h, r == ADVLOCK_OK ? h->way->start_check(h) : r);
}
