/*-------------------------------------------------------------------------
 *
 * test_nonblocking.c
 *	  Start, poll, and a program's own event loop.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <string.h>

#include "check.h"

#define WAITERS 8

static void
open_and_lock(void)
{
	advlock_open_options o;
	advlock    *h;

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	o.timeout_ms = 60000;
	h = advlock_start_open(&o);
	check_result(h, advlock_status(h), ADVLOCK_WAITING);
	check(advlock_socket(h) >= 0);
	check(advlock_events(h) != 0);
	check(advlock_wait_ms(h) > 0 && advlock_wait_ms(h) <= 60000);
	check_result(h, finish(h), ADVLOCK_OK);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	check(advlock_wait_ms(h) == -1);
	check(advlock_events(h) == POLLIN);

	check_result(h, advlock_start_lock(h, "x", NULL), ADVLOCK_WAITING);
	check(advlock_token(h, "x") == 0);
	check_result(h, finish(h), ADVLOCK_OK);
	check_result(h, advlock_poll(h), ADVLOCK_OK);
	check_result(h, advlock_start_check(h), ADVLOCK_WAITING);
	check_result(h, finish(h), ADVLOCK_OK);
	check_result(h, advlock_start_unlock(h, "x"), ADVLOCK_WAITING);
	check_result(h, finish(h), ADVLOCK_OK);
	check_result(h, advlock_start_unlock(h, "x"), ADVLOCK_NOT_HELD);
	advlock_close(h);
}

/* Every wait returns at once: nothing blocks while another session holds. */
static void
one_operation_at_a_time(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	const char *name = "x";

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check_result(b, advlock_poll(b), ADVLOCK_WAITING);
	check_result(b, advlock_start_lock(b, "y", NULL), ADVLOCK_INVALID);
	check_result(b, advlock_start_lock_many(b, &name, 1, NULL), ADVLOCK_INVALID);
	check_result(b, advlock_start_unlock(b, "x"), ADVLOCK_INVALID);
	check_result(b, advlock_start_check(b), ADVLOCK_INVALID);
	check_result(b, advlock_status(b), ADVLOCK_WAITING);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, finish(b), ADVLOCK_OK);
	check_result(b, advlock_check(b), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

/* Poll all handles together until one is done; its index. */
static int
next_done(advlock **handles, const bool *done)
{
	int64_t		deadline = now_ms() + 60000;

	while (now_ms() < deadline)
	{
		struct pollfd fds[WAITERS];

		for (int i = 0; i < WAITERS; i++)
		{
			fds[i].fd = done[i] ? -1 : advlock_socket(handles[i]);
			fds[i].events = advlock_events(handles[i]);
		}
		check(poll(fds, WAITERS, 1000) >= 0);
		for (int i = 0; i < WAITERS; i++)
		{
			advlock_result r;

			if (done[i] || fds[i].revents == 0)
				continue;
			r = advlock_poll(handles[i]);
			if (r == ADVLOCK_WAITING)
				continue;
			check_result(handles[i], r, ADVLOCK_OK);
			return i;
		}
	}
	check(false);
	return -1;
}

/* One loop waits for one lock with many handles: they get it in turn. */
static void
many_waiters_in_one_loop(void)
{
	advlock    *holder = open_ready();
	advlock    *handles[WAITERS];
	bool		done[WAITERS] = {false};

	check_result(holder, advlock_lock(holder, "x", NULL), ADVLOCK_OK);
	for (int i = 0; i < WAITERS; i++)
	{
		handles[i] = open_ready();
		check_result(handles[i], advlock_start_lock(handles[i], "x", NULL), ADVLOCK_WAITING);
		wait_blocked(handles[i]);
	}
	check_result(holder, advlock_unlock(holder, "x"), ADVLOCK_OK);
	for (int i = 0; i < WAITERS; i++)
	{
		int			first = next_done(handles, done);

		/* Without the extension a wait in slices loses its place in turn. */
		if (advlock_has_extension(holder))
			check(first == i);
		done[first] = true;
		check_result(handles[first], advlock_unlock(handles[first], "x"), ADVLOCK_OK);
	}
	for (int i = 0; i < WAITERS; i++)
		advlock_close(handles[i]);
	advlock_close(holder);
}

/* One loop waits for many locks: each comes when it is free. */
static void
many_locks_in_one_loop(void)
{
	static const char *const names[WAITERS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	advlock    *holder = open_ready();
	advlock    *handles[WAITERS];
	bool		done[WAITERS] = {false};

	check_result(holder, advlock_lock_many(holder, names, WAITERS, NULL), ADVLOCK_OK);
	for (int i = 0; i < WAITERS; i++)
	{
		handles[i] = open_ready();
		check_result(handles[i], advlock_start_lock(handles[i], names[i], NULL), ADVLOCK_WAITING);
	}
	for (int i = WAITERS - 1; i >= 0; i--)
	{
		check_result(holder, advlock_unlock(holder, names[i]), ADVLOCK_OK);
		check(next_done(handles, done) == i);
		done[i] = true;
	}
	for (int i = 0; i < WAITERS; i++)
		advlock_close(handles[i]);
	advlock_close(holder);
}

/* A waiter is in the queue without a snapshot, so others can build indexes. */
static void
waits_without_snapshot(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check_string(query("SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $1::int",
					   server_pid(b)), "t");
	advlock_close(b);
	advlock_close(a);
}

/* A waiter without the extension renews its snapshot, so the build ends. */
static void
waits_with_fresh_snapshots(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	PGconn	   *conn = connect_plain("");

	(void) query_on(conn, "CREATE TABLE t (i int)", NULL);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check(PQsendQuery(conn, "CREATE INDEX CONCURRENTLY ON t (i)") == 1);
	while (PQisBusy(conn))
	{
		check_result(b, advlock_poll(b), ADVLOCK_WAITING);
		check(PQconsumeInput(conn) == 1);
		(void) poll(NULL, 0, 5);
	}
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, finish(b), ADVLOCK_OK);
	PQclear(PQgetResult(conn));
	check(PQgetResult(conn) == NULL);
	(void) query_on(conn, "DROP TABLE t", NULL);
	PQfinish(conn);
	advlock_close(b);
	advlock_close(a);
}

/* The server takes a waiter that was closed out of the queue by itself. */
static void
close_while_waiting(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock    *c = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	check_result(c, advlock_lock(c, "held", NULL), ADVLOCK_OK);
	check_result(c, advlock_start_lock(c, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	wait_blocked(c);
	advlock_close(b);
	advlock_close(c);
	wait_until("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory'", NULL);
	check_result(a, advlock_try_lock(a, "held"), ADVLOCK_OK);
	advlock_close(a);
}

const test_case nonblocking_tests[] = {
	{"open_and_lock", "any", open_and_lock},
	{"one_operation_at_a_time", "any", one_operation_at_a_time},
	{"many_waiters_in_one_loop", "any", many_waiters_in_one_loop},
	{"many_locks_in_one_loop", "any", many_locks_in_one_loop},
	{"waits_without_snapshot", "extension", waits_without_snapshot},
	{"waits_with_fresh_snapshots", "plain", waits_with_fresh_snapshots},
	{"close_while_waiting", "any", close_while_waiting},
	{NULL, NULL, NULL}
};
