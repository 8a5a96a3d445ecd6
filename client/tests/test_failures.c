/*-------------------------------------------------------------------------
 *
 * test_failures.c
 *	  What a holder and a waiter learn when something goes wrong.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* The socket is readable, and one advlock_poll() says so. */
static void
terminated_while_holding(void)
{
	advlock    *h = open_ready();
	struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check(poll(&p, 1, 0) == 0);
	terminate(h);
	check(poll(&p, 1, 60000) == 1);
	check_result(h, advlock_poll(h), ADVLOCK_LOST);
	check_sqlstate(h, "57P01");
	check_result(h, advlock_status(h), ADVLOCK_LOST);
	check(advlock_token(h, "x") == 0);
	check(advlock_socket(h) == -1);
	check(advlock_connection(h) == NULL);
	check_result(h, advlock_poll(h), ADVLOCK_LOST);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_LOST);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_LOST);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	check(strlen(advlock_error(h)) > 0);
	advlock_close(h);
}

/* The same seen by a call instead. */
static void
terminated_before_call(void)
{
	advlock    *h = open_ready();

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	terminate(h);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	advlock_close(h);

	h = open_ready();
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	terminate(h);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_LOST);
	advlock_close(h);
}

static void
terminated_while_waiting(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	terminate(b);
	check_result(b, finish(b), ADVLOCK_LOST);
	check_sqlstate(b, "57P01");
	advlock_close(a);
	advlock_close(b);
}

static void
canceled_while_waiting(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "kept", NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, "x", NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check_result(b, cancel(b), ADVLOCK_CANCELED);
	check_sqlstate(b, "57014");
	check_result(b, advlock_status(b), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_NOT_HELD);
	check_result(b, advlock_check(b), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

static void
deadlock_is_broken(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_result ra,
				rb;
	advlock    *victim;
	advlock    *other;

	check_result(a, advlock_lock(a, "a", NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "b", NULL), ADVLOCK_OK);
	check_result(a, advlock_start_lock(a, "b", NULL), ADVLOCK_WAITING);
	wait_blocked(a);
	check_result(b, advlock_start_lock(b, "a", NULL), ADVLOCK_WAITING);
	do
	{
		ra = advlock_poll(a);
		rb = advlock_poll(b);
		(void) poll(NULL, 0, 5);
	} while (ra == ADVLOCK_WAITING && rb == ADVLOCK_WAITING);
	victim = ra == ADVLOCK_WAITING ? b : a;
	other = victim == a ? b : a;
	check(ra == ADVLOCK_DEADLOCK || rb == ADVLOCK_DEADLOCK);
	check_sqlstate(victim, "40P01");

	/* It keeps what it had, and only that; the other gets on. */
	check_result(victim, advlock_check(victim), ADVLOCK_OK);
	check_result(victim, advlock_unlock(victim, victim == a ? "b" : "a"), ADVLOCK_NOT_HELD);
	check_result(victim, advlock_unlock(victim, victim == a ? "a" : "b"), ADVLOCK_OK);
	check_result(other, finish(other), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

static void
check_finds_lost_lock(void)
{
	advlock    *h = open_ready();
	advlock_options o = with_timeout(0);
	PGconn	   *conn = advlock_connection(h);

	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	(void) query_on(conn, "SELECT pg_advisory_unlock_all()", NULL);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	check(strstr(advlock_error(h), "\"x\"") != NULL);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_NOT_HELD);

	o.permits = 1;
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "p", &o), ADVLOCK_OK);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	(void) query_on(conn, "SELECT pg_advisory_unlock_all()", NULL);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	check_result(h, advlock_check(h), ADVLOCK_OK);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query_on(conn, "SELECT pg_advisory_unlock_all()", NULL);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_NOT_HELD);
	advlock_close(h);
}

/* Lost, had by somebody else, and taken again: another token. */
static void
check_finds_taken_again(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	PGconn	   *conn = advlock_connection(a);

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	(void) query_on(conn, "SELECT advisory_lock.unlock('x')", NULL);
	check_result(b, advlock_lock(b, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_OK);
	(void) query_on(conn, "SELECT advisory_lock.lock('x')", NULL);
	check_result(a, advlock_check(a), ADVLOCK_LOST);
	advlock_close(a);
	advlock_close(b);
}

static advlock *
open_with_timeout(const char *conninfo, int timeout_ms)
{
	advlock_open_options o;

	advlock_open_options_init(&o);
	o.conninfo = conninfo;
	o.timeout_ms = timeout_ms;
	return advlock_open_with(&o);
}

/* A host that accepts connections and never says a word. */
static int
black_hole(char *conninfo, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	length = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *) &address, length) == 0);
	check(listen(fd, 10) == 0);
	check(getsockname(fd, (struct sockaddr *) &address, &length) == 0);
	snprintf(conninfo, size, "hostaddr=127.0.0.1 port=%d user=u dbname=d", ntohs(address.sin_port));
	return fd;
}

static void
connecting_has_a_limit(void)
{
	char		conninfo[200];
	int			fd = black_hole(conninfo, sizeof(conninfo));
	int64_t		begin = now_ms();
	advlock    *h = open_with_timeout(conninfo, 300);

	check_result(h, advlock_status(h), ADVLOCK_CONNECTION);
	check(now_ms() - begin >= 299 && now_ms() - begin < 1300);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_CONNECTION);
	advlock_close(h);

	/* libpq's own option is obeyed as well. */
	strcat(conninfo, " connect_timeout=2");
	begin = now_ms();
	h = advlock_open(conninfo);
	check_result(h, advlock_status(h), ADVLOCK_CONNECTION);
	check(now_ms() - begin >= 1999 && now_ms() - begin < 4000);
	advlock_close(h);
	close(fd);
}

/* Whatever is wrong with a connection string, the password is not shown. */
static void
connection_errors_hide_password(void)
{
	static const char *const conninfos[] = {
		"host=/nonexistent password=sesame",
		"host=/nonexistent password=open sesame",
		"host=/nonexistent password='open sesame",
		"host=/nonexistent password=sesame port=x",
		"host=/nonexistent passwort=sesame",
		"postgresql://u:sesame@[::1",
		"postgres://u:sesame%zz@localhost/d",
		"postgres://u:sesame@localhost:0/d?x=y",
		"postgre://u:sesame@localhost/d",
	};

	for (size_t i = 0; i < sizeof(conninfos) / sizeof(conninfos[0]); i++)
	{
		advlock    *h = advlock_open(conninfos[i]);

		check_result(h, advlock_status(h), ADVLOCK_CONNECTION);
		check(strlen(advlock_error(h)) > 0);
		check(strstr(advlock_error(h), "sesame") == NULL);
		check_result(h, advlock_poll(h), ADVLOCK_CONNECTION);
		advlock_close(h);
	}
}

/* A server process that is stopped keeps its connection and says nothing. */
static void
silent_server(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	pid_t		pid_a = PQbackendPID(advlock_connection(a));
	pid_t		pid_b = PQbackendPID(advlock_connection(b));
	advlock_options o = with_timeout(100);
	int64_t		begin;

	/* Who waits for a first lock runs out of time. */
	check(kill(pid_a, SIGSTOP) == 0);
	begin = now_ms();
	check_result(a, advlock_lock(a, "x", &o), ADVLOCK_BUSY);
	check(now_ms() - begin >= 1099 && now_ms() - begin < 3000);
	check_result(a, advlock_status(a), ADVLOCK_LOST);
	check(kill(pid_a, SIGCONT) == 0);
	advlock_close(a);

	/* Who holds a lock has lost it. */
	check_result(b, advlock_lock(b, "y", NULL), ADVLOCK_OK);
	check(kill(pid_b, SIGSTOP) == 0);
	check_result(b, advlock_lock(b, "z", &o), ADVLOCK_LOST);
	check(kill(pid_b, SIGCONT) == 0);
	advlock_close(b);
}

static void
close_is_not_held_up(void)
{
	advlock    *h = open_ready();
	pid_t		pid = PQbackendPID(advlock_connection(h));
	int64_t		begin;

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check(kill(pid, SIGSTOP) == 0);
	begin = now_ms();
	advlock_close(h);
	check(now_ms() - begin >= 999 && now_ms() - begin < 2000);
	check(kill(pid, SIGCONT) == 0);
	wait_until("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'", NULL);
}

/* Nor is it by a server that does not even take connections any more. */
static void
close_with_check_under_way(void)
{
	advlock    *h = open_ready();
	pid_t		pid = PQbackendPID(advlock_connection(h));
	pid_t		postmaster = atoi(query("SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)", NULL));
	advlock_result r;
	int64_t		begin,
				took;

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check(kill(pid, SIGSTOP) == 0 && kill(postmaster, SIGSTOP) == 0);
	r = advlock_start_check(h);
	begin = now_ms();
	advlock_close(h);
	took = now_ms() - begin;
	check(kill(pid, SIGCONT) == 0 && kill(postmaster, SIGCONT) == 0);
	check(r == ADVLOCK_WAITING);
	check(took >= 999 && took < 2000);
}

/* Grants that race with the end of short waits leave nothing held. */
static void
short_waits_leave_nothing(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	for (int i = 0; i < 300; i++)
	{
		advlock_options o = with_timeout(1 + i % 4);
		advlock_result r;
		int64_t		release_at = now_ms() + 1 + i % 4;

		check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
		check_result(b, advlock_start_lock(b, "x", &o), ADVLOCK_WAITING);
		while (now_ms() < release_at)
			(void) poll(NULL, 0, 1);
		check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
		r = finish(b);
		check(r == ADVLOCK_OK || r == ADVLOCK_BUSY);
		if (r == ADVLOCK_OK)
			check_result(b, advlock_unlock(b, "x"), ADVLOCK_OK);
		check_result(a, advlock_try_lock(a, "x"), ADVLOCK_OK);
		check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	}
	advlock_close(a);
	advlock_close(b);
}

const test_case failure_tests[] = {
	{"terminated_while_holding", "any", terminated_while_holding},
	{"terminated_before_call", "any", terminated_before_call},
	{"terminated_while_waiting", "any", terminated_while_waiting},
	{"canceled_while_waiting", "any", canceled_while_waiting},
	{"deadlock_is_broken", "any", deadlock_is_broken},
	{"check_finds_lost_lock", "any", check_finds_lost_lock},
	{"check_finds_taken_again", "extension", check_finds_taken_again},
	{"connecting_has_a_limit", "plain", connecting_has_a_limit},
	{"connection_errors_hide_password", "plain", connection_errors_hide_password},
	{"silent_server", "any", silent_server},
	{"close_is_not_held_up", "any", close_is_not_held_up},
	{"close_with_check_under_way", "any", close_with_check_under_way},
	{"short_waits_leave_nothing", "any", short_waits_leave_nothing},
	{NULL, NULL, NULL}
};
