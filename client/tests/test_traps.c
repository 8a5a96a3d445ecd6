/*-------------------------------------------------------------------------
 *
 * test_traps.c
 *	  Every way to have locks, where functions and operators of others lie in
 *	  wait: whoever calls one gets an error.  And servers that answer nonsense.
 *	  Nothing here runs SQL of its own.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>

#include "check.h"

/* Take, check and give back; wait until it is too late. */
static void
use_session(advlock *h, advlock *other)
{
	const char *const names[] = {"b", "a"};
	advlock_options o = with_timeout(1100);

	check_result(h, advlock_status(h), ADVLOCK_OK);
	check_result(other, advlock_lock(other, "busy", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "busy", &o), ADVLOCK_BUSY);
	o.shared = 1;
	check_result(h, advlock_lock(h, "s", &o), ADVLOCK_OK);
	check_result(h, advlock_lock_many(h, names, 2, NULL), ADVLOCK_OK);
	o.shared = 0;
	o.permits = 2;
	check_result(h, advlock_lock(h, "p", &o), ADVLOCK_OK);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "p"), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "s"), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check_result(other, advlock_try_lock(other, "x"), ADVLOCK_OK);
}

static void
traps_own_connection(void)
{
	advlock    *h = open_ready();
	advlock    *other = open_ready();

	use_session(h, other);
	advlock_close(h);
	check_result(other, advlock_try_lock(other, "a"), ADVLOCK_OK);
	advlock_close(other);
}

static void
traps_attached_connection(void)
{
	PGconn	   *conn = connect_plain("client_encoding=UTF8");
	advlock    *h = advlock_attach(conn);
	advlock    *other = open_ready();

	use_session(h, other);
	advlock_close(h);
	check_result(other, advlock_try_lock(other, "a"), ADVLOCK_OK);
	advlock_close(other);
	PQfinish(conn);
}

static void
traps_transaction(void)
{
	advlock_open_options o;
	advlock    *h;
	advlock    *other = open_ready();
	advlock_options at_once = with_timeout(1100);

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	o.transaction = 1;
	h = advlock_open_with(&o);
	check_result(other, advlock_lock(other, "busy", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "busy", &at_once), ADVLOCK_BUSY);
	at_once.shared = 1;
	check_result(h, advlock_lock(h, "s", &at_once), ADVLOCK_OK);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	advlock_close(h);
	advlock_close(other);
}

/*
 * A server that talks nonsense, see t/lib/FakeServer.pm: whatever comes, the
 * handle stays one, and calls end.
 */
static void
nonsense_is_survived(void)
{
	for (int i = 0; i < 300; i++)
	{
		const char *const names[] = {"b", "a"};
		advlock_open_options open;
		advlock_options o = with_timeout(i % 2 == 0 ? 0 : 30);
		advlock    *h;

		advlock_open_options_init(&open);
		open.conninfo = test_conninfo;
		open.timeout_ms = 500;
		open.transaction = i % 3 == 0;
		h = advlock_open_with(&open);
		o.shared = i % 5 == 0;
		(void) advlock_lock(h, "x", &o);
		check(advlock_token(h, "x") == 0 || advlock_status(h) == ADVLOCK_OK);
		(void) advlock_notice(h);
		o.shared = 0;
		(void) advlock_lock_many(h, names, 2, &o);
		(void) advlock_check(h);
		o.permits = 2;
		(void) advlock_lock(h, "p", &o);
		check(advlock_permit(h, "p") >= 0 && advlock_permit(h, "p") <= 2);
		(void) advlock_check(h);
		(void) advlock_unlock(h, "p");
		(void) advlock_unlock(h, "x");
		check(advlock_error(h) != NULL);
		advlock_close(h);
	}
}

const test_case trap_tests[] = {
	{"nonsense_is_survived", "fake", nonsense_is_survived},
	{"traps_own_connection", "traps", traps_own_connection},
	{"traps_attached_connection", "traps", traps_attached_connection},
	{"traps_transaction", "traps", traps_transaction},
	{NULL, NULL, NULL}
};
