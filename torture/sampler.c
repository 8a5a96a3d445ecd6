/*-------------------------------------------------------------------------
 *
 * sampler.c
 *	  Looks at the server's lock table from time to time.
 *
 *	  A sample is an event whose detail is a list of "key1:key2:pid:state:start",
 *	  state h (holds) or w (waits), start of the wait in us.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "history.h"

#define EVERY_US 200000

static const char *const look_at =
"SELECT string_agg(format('%s:%s:%s:%s:%s', classid::bigint::bit(32)::integer,"
" objid::bigint::bit(32)::integer, coalesce(pid, 0), CASE WHEN granted THEN 'h' ELSE 'w' END,"
" coalesce((extract(epoch FROM waitstart) * 1000000)::bigint, 0)), ' ' ORDER BY classid, objid, waitstart)"
" FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ExclusiveLock'"
" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
" HAVING count(*) < 120";

static void
be_quiet(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

void
run_sampler(const Orders *orders)
{
	PGconn	   *conn = NULL;

	while (!stopping)
	{
		PGresult   *res;
		int64_t		asked;

		if (conn == NULL)
			conn = PQconnectdb(orders->conninfo);
		PQsetNoticeProcessor(conn, be_quiet, NULL);
		history_next_op();
		asked = history_now();
		res = PQexec(conn, look_at);
		if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
			history_event("sample", NULL, asked, PQbackendPID(conn), PQgetvalue(res, 0, 0));
		PQclear(res);
		if (PQstatus(conn) != CONNECTION_OK)
		{
			PQfinish(conn);
			conn = NULL;
		}
		usleep(EVERY_US);
	}
	PQfinish(conn);
}
