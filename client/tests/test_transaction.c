/*-------------------------------------------------------------------------
 *
 * test_transaction.c
 *	  Transaction-level locks.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static advlock *
open_transaction(void)
{
	advlock_open_options o;
	advlock    *h;

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	o.transaction = 1;
	h = advlock_open_with(&o);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	return h;
}

static void
transaction_holds_until_unlock(void)
{
	advlock    *a = open_transaction();
	advlock    *b = open_ready();
	advlock_options shared = with_timeout(0);

	shared.shared = 1;
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check((advlock_token(a, "x") != 0) == advlock_has_extension(a));
	check_result(a, advlock_lock(a, "s", &shared), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(b, advlock_lock(b, "s", &shared), ADVLOCK_OK);
	check_string(query_on(advlock_connection(a), "SHOW statement_timeout", NULL), "0");
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "s"), ADVLOCK_NOT_HELD);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	advlock_close(b);

	/* The handle begins another transaction, and closing ends it. */
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	advlock_close(a);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
}

/* A lock that is not had does not take along those that are. */
static void
transaction_survives_failure(void)
{
	advlock    *a = open_transaction();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(1100);

	check_result(b, advlock_lock(b, "busy", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "busy", &o), ADVLOCK_BUSY);
	check(PQtransactionStatus(advlock_connection(a)) == PQTRANS_IDLE);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_try_lock(a, "busy"), ADVLOCK_BUSY);
	check_result(a, advlock_lock(a, "busy", &o), ADVLOCK_BUSY);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);

	check_result(a, advlock_start_lock(a, "busy", NULL), ADVLOCK_WAITING);
	wait_blocked(a);
	check_result(b, advlock_unlock(b, "busy"), ADVLOCK_OK);
	check_result(a, finish(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "busy"), ADVLOCK_BUSY);
	advlock_close(a);
	advlock_close(b);
}

static void
transaction_deadlock(void)
{
	advlock    *a = open_transaction();
	advlock    *b = open_ready();
	advlock_result ra,
				rb;

	check_result(a, advlock_lock(a, "a", NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "b", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "a", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check_result(a, advlock_start_lock(a, "b", NULL), ADVLOCK_WAITING);
	do
	{
		ra = advlock_poll(a);
		rb = advlock_poll(b);
		(void) poll(NULL, 0, 5);
	} while (ra == ADVLOCK_WAITING && rb == ADVLOCK_WAITING);
	if (ra == ADVLOCK_DEADLOCK)
	{
		check_sqlstate(a, "40P01");
		check_result(a, advlock_check(a), ADVLOCK_OK);
		check_result(a, advlock_unlock(a, "a"), ADVLOCK_OK);
		check_result(b, finish(b), ADVLOCK_OK);
	}
	else
	{
		check_result(b, rb, ADVLOCK_DEADLOCK);
		check_result(b, advlock_unlock(b, "b"), ADVLOCK_OK);
		check_result(a, finish(a), ADVLOCK_OK);
	}
	advlock_close(a);
	advlock_close(b);
}

static void
transaction_ended_by_caller(void)
{
	advlock    *a = open_transaction();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	(void) query_on(advlock_connection(a), "COMMIT", NULL);
	check_result(a, advlock_check(a), ADVLOCK_LOST);
	check_result(a, advlock_status(a), ADVLOCK_OK);

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	(void) query_on(advlock_connection(a), "COMMIT", NULL);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_NOT_HELD);

	/* A failed transaction cannot be committed. */
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	PQclear(PQexec(advlock_connection(a), "SELECT 1/0"));
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_SERVER);
	check_result(a, advlock_try_lock(a, "x"), ADVLOCK_OK);
	advlock_close(a);
}

static void
transaction_refuses_session_locks(void)
{
	advlock    *a = open_transaction();
	const char *const names[] = {"a", "b"};
	advlock_options o = with_timeout(0);

	o.permits = 1;
	check(!advlock_has_registry(a));
	check_result(a, advlock_lock(a, "p", &o), ADVLOCK_INVALID);
	check_result(a, advlock_lock_many(a, names, 2, NULL), ADVLOCK_INVALID);
	check_result(a, advlock_try_lock(a, "x"), ADVLOCK_OK);
	advlock_close(a);
}

static void
transaction_terminated(void)
{
	advlock    *a = open_transaction();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	terminate(a);
	check_result(a, finish(a), ADVLOCK_LOST);
	check_sqlstate(a, "57P01");
	advlock_close(a);
}

const test_case transaction_tests[] = {
	{"transaction_holds_until_unlock", "any", transaction_holds_until_unlock},
	{"transaction_survives_failure", "any", transaction_survives_failure},
	{"transaction_deadlock", "any", transaction_deadlock},
	{"transaction_ended_by_caller", "any", transaction_ended_by_caller},
	{"transaction_refuses_session_locks", "any", transaction_refuses_session_locks},
	{"transaction_terminated", "any", transaction_terminated},
	{NULL, NULL, NULL}
};
