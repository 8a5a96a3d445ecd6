/*-------------------------------------------------------------------------
 *
 * test_interrupts.c
 *	  A statement_timeout that strikes while a lock is being taken, perhaps in
 *	  the instant of the grant: what the library says not to be held is not.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define ATTEMPTS 10

static const char nothing_held[] =
"SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = $1::int";

static const char no_session[] =
"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int)";

/* What is wanted in both sessions. */
typedef advlock_result (*take) (advlock *h);

static advlock_result
take_one(advlock *h)
{
	return advlock_lock(h, "x", NULL);
}

static advlock_result
take_many(advlock *h)
{
	static const char *const names[] = {"x", "y", "z"};

	return advlock_lock_many(h, names, 3, NULL);
}

static advlock_result
take_permit(advlock *h)
{
	advlock_options o = with_timeout(-1);

	o.permits = 1;
	return advlock_lock(h, "x", &o);
}

/* Give all of it back: "x", and what take_many() takes besides. */
static advlock_result
give_back(advlock *h)
{
	(void) advlock_unlock(h, "z");
	(void) advlock_unlock(h, "y");
	return advlock_unlock(h, "x");
}

/* A process that takes it again and again, and keeps it for 0 to 4 ms. */
static pid_t
start_rival(take take_it)
{
	pid_t		pid = fork();
	advlock    *h;

	if (pid != 0)
		return pid;
	h = open_ready();
	while (take_it(h) == ADVLOCK_OK)
	{
		usleep(rand() % 4000);
		if (give_back(h) != ADVLOCK_OK)
			break;
	}
	_exit(1);
}

/* Even this takes more than the milliseconds there are, now and then. */
static void
lift_timeout(PGconn *conn)
{
	ExecStatusType status = PGRES_EMPTY_QUERY;

	while (status != PGRES_COMMAND_OK && PQstatus(conn) == CONNECTION_OK)
	{
		PGresult   *res = PQexec(conn, "SET statement_timeout = 0");

		status = PQresultStatus(res);
		PQclear(res);
	}
}

/*
 * One attempt; whether it failed.  Where it could not make sure that nothing
 * is held, because the time ran out for that, too, the session is given up.
 */
static bool
try_once(take take_it)
{
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(conn);
	char		pid[20];
	char		timeout[60];
	advlock_result r;

	snprintf(pid, sizeof(pid), "%d", PQbackendPID(conn));
	snprintf(timeout, sizeof(timeout), "SET statement_timeout = %d", 1 + rand() % 4);
	(void) query_on(conn, timeout, NULL);
	r = take_it(h);
	lift_timeout(conn);
	if (r == ADVLOCK_OK)
		check_result(h, give_back(h), ADVLOCK_OK);
	else
		check(r == ADVLOCK_CANCELED || r == ADVLOCK_LOST);
	if (r == ADVLOCK_LOST)
		wait_until(no_session, pid);
	check_string(query(nothing_held, pid), "t");
	advlock_close(h);
	PQfinish(conn);
	return r != ADVLOCK_OK;
}

/* How often it failed.  A fast machine may need more attempts until one does. */
static int
race(take take_it)
{
	pid_t		rival = start_rival(take_it);
	int			failures = 0;

	for (int i = 0; i < ATTEMPTS || (failures == 0 && i < 100 * ATTEMPTS); i++)
		failures += try_once(take_it);
	check(kill(rival, SIGKILL) == 0 && waitpid(rival, NULL, 0) == rival);
	return failures;
}

static void
canceled_is_not_held(void)
{
	check(race(take_one) > 0);
	check(race(take_many) > 0);
	check(race(take_permit) > 0);
}

const test_case interrupt_tests[] = {
	{"canceled_is_not_held", "any", canceled_is_not_held},
	{NULL, NULL, NULL}
};
