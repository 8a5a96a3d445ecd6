/*-------------------------------------------------------------------------
 *
 * test_canceled.c
 *	  A statement that is canceled when it has done its work: whatever a call
 *	  says of a lock that it was to take, is so.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char locks_of[] =
"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1::int";

/* The answer to the next statement with this text is an error, see t/108. */
static void
spoil(const advlock *h, const char *text)
{
	char		sql[100];

	snprintf(sql, sizeof(sql), "SELECT 'spoil %s'", text);
	(void) query_on(advlock_connection(h), sql, NULL);
}

/* The server cannot read the next statement with this text. */
static void
garble(const advlock *h, const char *text)
{
	char		sql[100];

	snprintf(sql, sizeof(sql), "SELECT 'garble %s'", text);
	(void) query_on(advlock_connection(h), sql, NULL);
}

static void
check_held(const advlock *h, const char *count)
{
	check_string(query(locks_of, server_pid(h)), count);
}

/* What takes a lock. */
static const char *
taker(const advlock *h)
{
	return advlock_has_extension(h) ? "advisory_lock.acquire" : "pg_catalog.pg_advisory_lock(";
}

/* That a lock is not held may be said of what is given back a second time. */
static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

/* Both kinds of connection, the second time attached. */
static advlock *
open_kind(int attached, PGconn **conn)
{
	advlock    *h;

	*conn = attached ? connect_plain("") : NULL;
	if (attached)
		(void) PQsetNoticeProcessor(*conn, ignore_notice, NULL);
	h = attached ? advlock_attach(*conn) : open_ready();
	check_result(h, advlock_status(h), ADVLOCK_OK);
	return h;
}

static void
for_both(void (*test) (advlock *h))
{
	for (int attached = 0; attached < 2; attached++)
	{
		PGconn	   *conn;
		advlock    *h = open_kind(attached, &conn);

		test(h);
		check_result(h, advlock_status(h), ADVLOCK_OK);
		check_held(h, "0");
		/* and it goes on as if nothing had been */
		check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		check_held(h, "1");
		check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
		check_held(h, "0");
		advlock_close(h);
		PQfinish(conn);
	}
}

static void
plain_lock(advlock *h)
{
	spoil(h, taker(h));
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_CANCELED);
	check_sqlstate(h, "57014");
	check_held(h, "0");
}

static void
lock_is_given_back(void)
{
	for_both(plain_lock);
}

/* Others that are held stay as they are. */
static void
many_locks(advlock *h)
{
	const char *names[] = {"a", "b", "c"};

	check_result(h, advlock_lock(h, "held", NULL), ADVLOCK_OK);
	spoil(h, taker(h));
	check_result(h, advlock_lock_many(h, names, 3, NULL), ADVLOCK_CANCELED);
	check_held(h, "1");
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "held"), ADVLOCK_OK);
}

static void
many_are_given_back(void)
{
	for_both(many_locks);
}

/* It may have been taken once more: it is released to the end all the same. */
static void
lock_again(advlock *h)
{
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	spoil(h, taker(h));
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_CANCELED);
	check_held(h, "1");
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
}

static void
lock_taken_again_is_released(void)
{
	for_both(lock_again);
}

static void
permits(advlock *h)
{
	static const char *const by_extension[] = {"advisory_lock.acquire", NULL};
	static const char *const by_keys[] = {"pg_advisory_lock(", "pg_try_advisory_lock(", "pg_advisory_unlock(", NULL};
	const char *const *texts = advlock_has_extension(h) ? by_extension : by_keys;
	advlock_options o = with_timeout(-1);

	o.permits = 3;
	check_result(h, advlock_lock(h, "p", &o), ADVLOCK_OK);
	for (; *texts != NULL; texts++)
	{
		spoil(h, *texts);
		check_result(h, advlock_lock(h, "p", &o), ADVLOCK_CANCELED);
		check_result(h, advlock_check(h), ADVLOCK_OK);
		check_held(h, "1");
	}
	check_result(h, advlock_unlock(h, "p"), ADVLOCK_OK);
}

static void
permit_is_given_back(void)
{
	for_both(permits);
}

/* What asks what is left is canceled, too, and what gives it back. */
static void
again_and_again(advlock *h)
{
	const char *names[] = {"a", "b"};

	for (int i = 0; i < 2; i++)
	{
		spoil(h, taker(h));
		spoil(h, "generate_series(CASE");
		spoil(h, advlock_has_extension(h) ? "advisory_lock.unlock" : "pg_advisory_unlock(");
		check_result(h, i == 0 ? advlock_lock(h, "x", NULL) : advlock_lock_many(h, names, 2, NULL), ADVLOCK_CANCELED);
		check_held(h, "0");
	}
}

static void
giving_back_is_tried_again(void)
{
	for_both(again_and_again);
}

/* What failed before the lock was asked for is the error, and no loss. */
static void
lock_unasked(advlock *h)
{
	if (advlock_has_extension(h))
		return;
	check_result(h, advlock_lock(h, "held", NULL), ADVLOCK_OK);
	garble(h, "set_config(");
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_SERVER);
	check_sqlstate(h, "42601");
	check_held(h, "1");
	check_result(h, advlock_unlock(h, "held"), ADVLOCK_OK);
}

static void
setting_fails(void)
{
	for_both(lock_unasked);
}

/* What gives back. */
static const char *
giver(const advlock *h)
{
	return advlock_has_extension(h) ? "advisory_lock.unlock" : "pg_advisory_unlock(";
}

/* It had been given back: that it is not held any more is no loss. */
static void
unlock(advlock *h)
{
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	spoil(h, giver(h));
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check_held(h, "0");
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_NOT_HELD);
}

static void
canceled_release_is_no_loss(void)
{
	for_both(unlock);
}

/* Held twice, it is not given back twice. */
static void
unlock_once(advlock *h)
{
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	for (int i = 0; i < 2; i++)
	{
		spoil(h, giver(h));
		check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
		check_held(h, "1");
		check_result(h, advlock_check(h), ADVLOCK_OK);
	}
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
}

static void
canceled_release_is_of_one(void)
{
	for_both(unlock_once);
}

/* The caller's connection is not left in a transaction that is not his. */
static void
check_and_end(advlock *h)
{
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	garble(h, "ROLLBACK");
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check(PQtransactionStatus(advlock_connection(h)) == PQTRANS_IDLE);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
}

static void
check_is_ended(void)
{
	for_both(check_and_end);
}

const test_case canceled_tests[] = {
	{"lock_is_given_back", "spoiled", lock_is_given_back},
	{"many_are_given_back", "spoiled", many_are_given_back},
	{"lock_taken_again_is_released", "spoiled", lock_taken_again_is_released},
	{"permit_is_given_back", "spoiled", permit_is_given_back},
	{"check_is_ended", "spoiled", check_is_ended},
	{"setting_fails", "spoiled", setting_fails},
	{"canceled_release_is_no_loss", "spoiled", canceled_release_is_no_loss},
	{"canceled_release_is_of_one", "spoiled", canceled_release_is_of_one},
	{"giving_back_is_tried_again", "spoiled", giving_back_is_tried_again},
	{NULL, NULL, NULL}
};
