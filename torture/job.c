/*-------------------------------------------------------------------------
 *
 * job.c
 *	  The command that withlock runs.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "history.h"

static void
end_now(int signal_number)
{
	history_event("told", NULL, 0, getpid(), "");
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/*
 * Without a token, as under another tool's lock, nothing is fenced.  A permit
 * is a lock of its own name.
 */
int
run_job(const Orders *orders)
{
	const char *token_text = getenv("WITHLOCK_TOKEN");
	const char *permit = getenv("WITHLOCK_PERMIT");
	int64_t		token = token_text ? atoll(token_text) : 0;
	PGconn	   *conn = NULL;
	char		name[256];

	snprintf(name, sizeof(name), permit && atoi(permit) > 0 ? "%s#%s" : "%s",
			 orders->names[0], permit);
	history_event("held", name, token, getpid(), "");
	signal(SIGTERM, end_now);
	if ((orders->fenced || orders->unchecked) && token != 0)
	{
		conn = PQconnectdb(orders->conninfo);
		history_event("beat", name, token, getpid(), "");
		if (PQstatus(conn) != CONNECTION_OK)
		{
			PQfinish(conn);
			conn = NULL;
		}
	}
	work(orders, NULL, conn, name, token);
	history_event("release", name, token, getpid(), "");
	PQfinish(conn);
	return orders->exit_code;
}
