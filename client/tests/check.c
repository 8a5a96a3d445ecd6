/*-------------------------------------------------------------------------
 *
 * check.c
 *	  What the tests of libadvlock share.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

#define PATIENCE_MS 120000

const char *test_conninfo;
const char *test_name;

static void
failed(const char *file, int line)
{
	fprintf(stderr, "%s:%d: ", file, line);
	if (test_name)
		fprintf(stderr, "%s: ", test_name);
}

void
check_at(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	failed(file, line);
	fprintf(stderr, "%s is not true\n", what);
	exit(1);
}

void
check_result_at(const advlock *h, advlock_result got, advlock_result expected,
				const char *what, const char *file, int line)
{
	if (got == expected)
		return;
	failed(file, line);
	fprintf(stderr, "%s is \"%s\", not \"%s\"; error \"%s\"\n", what,
			advlock_result_text(got), advlock_result_text(expected), advlock_error(h));
	exit(1);
}

void
check_string_at(const char *got, const char *expected,
				const char *what, const char *file, int line)
{
	if (strcmp(got, expected) == 0)
		return;
	failed(file, line);
	fprintf(stderr, "%s is \"%s\", not \"%s\"\n", what, got, expected);
	exit(1);
}

int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

advlock *
open_ready(void)
{
	advlock    *h = advlock_open(test_conninfo);

	check_result(h, advlock_status(h), ADVLOCK_OK);
	return h;
}

advlock_options
with_timeout(int timeout_ms)
{
	advlock_options o;

	advlock_options_init(&o);
	o.timeout_ms = timeout_ms;
	return o;
}

/* The caller's receiver may print that a transaction ends that has not begun. */
static void
begun_before_it_ends(void *arg, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	(void) arg;
	check(state == NULL || strcmp(state, "25P01") != 0);
}

PGconn *
connect_plain(const char *more)
{
	char		conninfo[1000];
	PGconn	   *conn;

	snprintf(conninfo, sizeof(conninfo), "%s %s", test_conninfo, more);
	conn = PQconnectdb(conninfo);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(1);
	}
	PQsetNoticeReceiver(conn, begun_before_it_ends, NULL);
	return conn;
}

const char *
query_on(PGconn *conn, const char *sql, const char *param)
{
	static char value[1000];
	PGresult   *res = PQexecParams(conn, sql, param != NULL, NULL, &param, NULL, NULL, 0);

	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
	{
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
		exit(1);
	}
	snprintf(value, sizeof(value), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	return value;
}

const char *
query(const char *sql, const char *param)
{
	static char value[1000];
	PGconn	   *conn = connect_plain("");

	snprintf(value, sizeof(value), "%s", query_on(conn, sql, param));
	PQfinish(conn);
	return value;
}

void
wait_until(const char *sql, const char *param)
{
	int64_t		deadline = now_ms() + PATIENCE_MS;
	PGconn	   *conn = connect_plain("");

	while (strcmp(query_on(conn, sql, param), "t") != 0)
	{
		if (now_ms() > deadline)
		{
			fprintf(stderr, "timed out waiting for: %s\n", sql);
			exit(1);
		}
		(void) poll(NULL, 0, 5);
	}
	PQfinish(conn);
}

const char *
server_pid(const advlock *h)
{
	static char pid[20];

	snprintf(pid, sizeof(pid), "%d", PQbackendPID(advlock_connection(h)));
	return pid;
}

void
terminate(const advlock *h)
{
	check_string(query("SELECT pg_terminate_backend($1::int)", server_pid(h)), "t");
	wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int)",
			   server_pid(h));
}

void
wait_blocked(const advlock *h)
{
	wait_until("SELECT EXISTS (SELECT FROM pg_locks"
			   " WHERE pid = $1::int AND locktype = 'advisory' AND NOT granted)",
			   server_pid(h));
}

advlock_result
finish(advlock *h)
{
	int64_t		deadline = now_ms() + PATIENCE_MS;
	advlock_result r = ADVLOCK_WAITING;

	while (r == ADVLOCK_WAITING)
	{
		struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

		check(now_ms() < deadline);
		(void) poll(&p, 1, advlock_wait_ms(h));
		r = advlock_poll(h);
	}
	return r;
}

advlock_result
cancel(advlock *h)
{
	advlock_result r;

	do
	{
		check_string(query("SELECT pg_cancel_backend($1::int)", server_pid(h)), "t");
		(void) poll(NULL, 0, 10);
		r = advlock_poll(h);
	} while (r == ADVLOCK_WAITING);
	return r;
}
