/*-------------------------------------------------------------------------
 *
 * test_close.c
 *	  Closing a handle leaves nothing held, whatever the session is doing; and
 *	  what is given up is never granted to nobody.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char no_locks[] =
"SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'";

/* Both kinds of connection, the second time attached. */
static advlock *
open_kind(int attached, PGconn **conn)
{
	advlock    *h;

	*conn = attached ? connect_plain("") : NULL;
	h = attached ? advlock_attach(*conn) : open_ready();
	check_result(h, advlock_status(h), ADVLOCK_OK);
	return h;
}

static void
wait_gone(pid_t pid)
{
	char		text[20];

	snprintf(text, sizeof(text), "%d", (int) pid);
	wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int)", text);
}

static void
close_in_failed_transaction(void)
{
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(conn);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query_on(conn, "BEGIN", NULL);
	PQclear(PQexec(conn, "SELECT 1/0"));
	advlock_close(h);
	check_string(query(no_locks, NULL), "t");
	check(PQtransactionStatus(conn) == PQTRANS_IDLE);
	check_string(query_on(conn, "SELECT 1", NULL), "1");

	/* A sound one goes on. */
	h = advlock_attach(conn);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query_on(conn, "BEGIN", NULL);
	advlock_close(h);
	check_string(query(no_locks, NULL), "t");
	check(PQtransactionStatus(conn) == PQTRANS_INTRANS);
	PQfinish(conn);
}

/* What the caller has not read yet is dropped. */
static void
close_with_results_unread(void)
{
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(conn);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check(PQsendQuery(conn, "SELECT pg_sleep(0.2); SELECT 2") == 1);
	advlock_close(h);
	check_string(query(no_locks, NULL), "t");
	check_string(query_on(conn, "SELECT 1", NULL), "1");

	h = advlock_attach(conn);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check(PQenterPipelineMode(conn) == 1);
	for (int i = 0; i < 3; i++)
	{
		check(PQsendQueryParams(conn, i == 1 ? "SELECT 1/0" : "SELECT 1", 0, NULL, NULL, NULL, NULL, 0) == 1);
		check(i == 0 || PQpipelineSync(conn) == 1);
	}
	advlock_close(h);
	check_string(query(no_locks, NULL), "t");
	check(PQpipelineStatus(conn) == PQ_PIPELINE_OFF);
	check_string(query_on(conn, "SELECT 1", NULL), "1");
	PQfinish(conn);
}

/* A query that lasts, and a COPY: the session ends. */
static void
close_during_query(void)
{
	static const char *const queries[] = {"SELECT pg_sleep(60)", "COPY pg_class TO STDOUT",
	"CREATE TEMP TABLE t (i int); COPY t FROM STDIN"};

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
	{
		PGconn	   *conn = connect_plain("");
		advlock    *h = advlock_attach(conn);
		int64_t		begin = now_ms();

		check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		check(PQsendQuery(conn, queries[i]) == 1);
		advlock_close(h);
		check(now_ms() - begin < 10000);
		check(PQstatus(conn) == CONNECTION_BAD);
		check(PQpipelineStatus(conn) == PQ_PIPELINE_OFF);
		PQreset(conn);
		check_string(query_on(conn, "SELECT 1", NULL), "1");
		(void) query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'", NULL);
		wait_until(no_locks, NULL);
		PQfinish(conn);
	}
}

/* Whoever closes a handle that waits has its other locks back at once. */
static void
close_cancels_wait(void)
{
	for (int attached = 0; attached < 2; attached++)
	{
		advlock    *a = open_ready();
		advlock_options o = with_timeout(-1);
		PGconn	   *conn;
		advlock    *h = open_kind(attached, &conn);

		o.lock_delay_ms = 60000;
		check_result(a, advlock_lock(a, "busy", NULL), ADVLOCK_OK);
		check_result(h, advlock_lock(h, "x", &o), ADVLOCK_OK);
		check_result(h, advlock_start_lock(h, "busy", &o), ADVLOCK_WAITING);
		wait_blocked(h);
		advlock_close(h);
		check_result(a, advlock_try_lock(a, "x"), ADVLOCK_OK);
		check_string(query("SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory'", NULL), "t");
		PQfinish(conn);
		advlock_close(a);
	}
}

/* A server that is silent and thaws grants to nobody, and keeps nobody off. */
static void
silent_server_grants_to_nobody(void)
{
	for (int attached = 0; attached < 2; attached++)
	{
		advlock    *b = open_ready();
		advlock_options o = with_timeout(100);
		advlock_options soon = with_timeout(20000);
		PGconn	   *conn;
		advlock    *h = open_kind(attached, &conn);
		pid_t		pid = PQbackendPID(advlock_connection(h));

		o.lock_delay_ms = 60000;
		check(kill(pid, SIGSTOP) == 0);
		check_result(h, advlock_lock(h, "x", &o), ADVLOCK_BUSY);
		check_result(h, advlock_status(h), ADVLOCK_LOST);
		if (attached)
		{
			check(PQstatus(conn) == CONNECTION_BAD);
		}
		check(kill(pid, SIGCONT) == 0);
		wait_gone(pid);
		check_result(b, advlock_lock(b, "x", &soon), ADVLOCK_OK);
		advlock_close(h);
		if (attached)
		{
			PQreset(conn);
			check_string(query_on(conn, "SELECT 1", NULL), "1");
		}
		PQfinish(conn);
		advlock_close(b);
	}
}

/* A server that takes no connections does not hold up who closes a wait. */
static void
close_wait_on_silent_server(void)
{
	advlock    *a = open_ready();
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(conn);
	pid_t		postmaster = atoi(query("SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)", NULL));
	int64_t		begin,
				took;

	check_result(a, advlock_lock(a, "busy", NULL), ADVLOCK_OK);
	check_result(h, advlock_start_lock(h, "busy", NULL), ADVLOCK_WAITING);
	wait_blocked(h);
	check(kill(postmaster, SIGSTOP) == 0);
	begin = now_ms();
	advlock_close(h);
	took = now_ms() - begin;
	check(kill(postmaster, SIGCONT) == 0);
	check(took < 2000);
	check(PQstatus(conn) == CONNECTION_BAD);
	check_result(a, advlock_unlock(a, "busy"), ADVLOCK_OK);
	wait_until(no_locks, NULL);
	PQfinish(conn);
	advlock_close(a);
}

const test_case close_tests[] = {
	{"close_in_failed_transaction", "any", close_in_failed_transaction},
	{"close_with_results_unread", "any", close_with_results_unread},
	{"close_during_query", "any", close_during_query},
	{"close_cancels_wait", "any", close_cancels_wait},
	{"silent_server_grants_to_nobody", "any", silent_server_grants_to_nobody},
	{"close_wait_on_silent_server", "any", close_wait_on_silent_server},
	{NULL, NULL, NULL}
};
