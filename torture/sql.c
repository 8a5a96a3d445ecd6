/*-------------------------------------------------------------------------
 *
 * sql.c
 *	  Sessions that lock by SQL, in every way there is.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"

/*
 * A way: what begins the session, what acquires, what releases, and what asks
 * for the token under which it is held.  $1 is the name, $2 what acquire gave in
 * its second column, if it has one (a permit, or a lease's token).  Acquire's
 * first column is the token, NULL when the time ran out.
 */
typedef struct Way
{
	const char *name;
	const char *begin;
	const char *acquire;
	const char *release;
	bool		in_transaction;
	const char *verify;			/* if it is not that of locks */
} Way;

static const Way ways[] = {
	{"session", NULL, "SELECT advisory_lock.lock($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"apart", NULL, "SELECT advisory_lock.lock($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"acquire", NULL, "CALL advisory_lock.acquire($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"try", NULL,
		"SELECT CASE WHEN advisory_lock.try_lock($1, '20ms') THEN advisory_lock.token($1) END",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"timeout", "SET lock_timeout = '3ms'", "SELECT advisory_lock.lock($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"statement", "SET statement_timeout = '4ms'", "SELECT advisory_lock.lock($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
	{"xact", "BEGIN", "SELECT advisory_lock.xact_lock($1)", "COMMIT", true, NULL},
	{"savepoint",
		"BEGIN; SAVEPOINT a; SELECT advisory_lock.try_xact_lock('a'); ROLLBACK TO a; SAVEPOINT b",
	"SELECT advisory_lock.xact_lock($1)", "COMMIT", true, NULL},
	{"many", NULL, "SELECT unnest(advisory_lock.lock_many(ARRAY[$1, $1 || '+'])) LIMIT 1",
	"SELECT advisory_lock.unlock_many(ARRAY[$1, $1 || '+']) = 2", false, NULL},
	{"permit", NULL,
		"SELECT advisory_lock.token($1 || '#' || p), p FROM advisory_lock.acquire_permit($1, 2) p",
	"SELECT advisory_lock.release_permit($1, $2)", false, NULL},
	{"lease", NULL,
		"SELECT t, t FROM advisory_lock.acquire_lease($1, '3s', '2s') t",
		"SELECT advisory_lock.release_lease($1, $2)", false,
	"SELECT CASE WHEN advisory_lock.renew_lease($1, $2, '3s') IS NOT NULL THEN $2::bigint END"},
	{"chaos", NULL, "SELECT advisory_lock.lock($1)",
	"SELECT advisory_lock.unlock($1)", false, NULL},
};

/* What may be done behind the extension's back, each of which releases. */
static const struct
{
	const char *name;
	const char *sql;
}			behind[] = {
	{"discard-all", "DISCARD ALL"},
	{"raw-unlock", "SELECT pg_advisory_unlock(key1, key2) FROM advisory_lock.key('%s')"},
	{"raw-unlock-all", "SELECT pg_advisory_unlock_all()"},
};

/* One operation that is under way. */
typedef struct Hold
{
	char		name[256];		/* of the lock that excludes: a permit's own */
	char		detail[64];		/* what release is given as $2 */
	int64_t		token;
	int64_t		since;			/* when it was had */
	char		failure[8];		/* SQLSTATE of an acquire that failed */
} Hold;

static const Way *
find_way(const char *name)
{
	size_t		i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, name) == 0)
			return &ways[i];
	exit(2);
}

static PGresult *
ask(PGconn *conn, const char *sql, const char *first, const char *second)
{
	const char *values[] = {first, second};
	int			count = strstr(sql, "$2") ? 2 : strstr(sql, "$1") ? 1 : 0;

	return count ? PQexecParams(conn, sql, count, NULL, values, NULL, NULL, 0) : PQexec(conn, sql);
}

static bool
succeeds(PGconn *conn, const char *sql)
{
	PGresult   *res = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(res);

	PQclear(res);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* A number that the server gives, or -1. */
static int64_t
number(PGconn *conn, const char *sql, const char *first, const char *second)
{
	PGresult   *res = ask(conn, sql, first, second);
	int64_t		value = -1;

	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
		value = PQgetisnull(res, 0, 0) ? 0 : atoll(PQgetvalue(res, 0, 0));
	PQclear(res);
	return value;
}

/*
 * This session is not to hold anything: not after an error, not after an end.
 * But a statement can be canceled when the function in it has returned; such a
 * lock is had, as the documentation says, and only counted.
 */
static bool
holds_nothing(PGconn *conn, const char *name, const char *after)
{
	int64_t		count = number(conn, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
							   " AND locktype = 'advisory' AND granted", NULL, NULL);

	if (count > 0)
		history_event(strcmp(after, "57014") == 0 ? "late_error" : "held_after",
					  name, count, PQbackendPID(conn), after);
	return count <= 0;
}

static void
be_quiet(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

static PGconn *
connect_to(const Orders *orders)
{
	PGconn	   *conn;

	while (!stopping)
	{
		char		set[128];

		conn = PQconnectdb(orders->conninfo);
		PQsetNoticeProcessor(conn, be_quiet, NULL);
		snprintf(set, sizeof(set), "SET advisory_lock.lock_delay = %d; SET application_name = 'torture %d'",
				 orders->delayed ? LOCK_DELAY_MS : 0, (int) getpid());
		if (PQstatus(conn) == CONNECTION_OK && succeeds(conn, set))
			return conn;
		PQfinish(conn);
		usleep(50000);
	}
	return NULL;
}

static bool
acquire(PGconn *conn, const Way *way, const char *name, Hold *hold)
{
	PGresult   *res;
	const char *state = "";
	bool		done;

	history_event("invoke", name, 0, PQbackendPID(conn), way->name);
	if (way->begin && !succeeds(conn, way->begin))
	{
		snprintf(hold->failure, sizeof(hold->failure), "begin");
		history_event("failed", name, 0, PQbackendPID(conn), "begin");
		return false;
	}
	res = ask(conn, way->acquire, name, NULL);
	done = PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1 && !PQgetisnull(res, 0, 0);
	if (done)
	{
		bool		permit = strcmp(way->name, "permit") == 0;

		hold->token = atoll(PQgetvalue(res, 0, 0));
		hold->since = history_now();
		snprintf(hold->detail, sizeof(hold->detail), "%s", PQnfields(res) > 1 ? PQgetvalue(res, 0, 1) : "");
		snprintf(hold->name, sizeof(hold->name), permit ? "%s#%s" : "%s", name, hold->detail);
		history_event("held", hold->name, hold->token, PQbackendPID(conn), way->name);
	}
	else
	{
		state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		snprintf(hold->failure, sizeof(hold->failure), "%s", state ? state : "busy");
		history_event("failed", name, 0, PQbackendPID(conn), hold->failure);
	}
	PQclear(res);
	return done;
}

/*
 * The server still says that this session holds it under this token: so it
 * did, at the time of the question at least.
 */
static bool
verify(PGconn *conn, const Way *way, const Hold *hold)
{
	int64_t		asked = history_now();
	int64_t		token = number(conn, way->verify ? way->verify : "SELECT advisory_lock.token($1)",
							   hold->name, hold->detail);

	if (token == hold->token)
		history_event_at(asked, "verified", hold->name, hold->token, PQbackendPID(conn), "");
	return token == hold->token;
}

/*
 * Asks for the release, and says whether this session released.  A statement can
 * be canceled before the function in it ran, or when it has returned: so it is
 * asked again, and then "f" may mean that it had released.  A canceled COMMIT
 * ends the transaction as well.
 */
static bool
ask_release(PGconn *conn, const Way *way, const char *name, const Hold *hold)
{
	bool		canceled = false;
	bool		done = false;
	bool		again;

	do
	{
		PGresult   *res = ask(conn, way->release, name, hold->detail);
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

		again = state && strcmp(state, "57014") == 0;
		canceled |= again;
		if (way->in_transaction)
			done = again || strcmp(PQcmdStatus(res), "COMMIT") == 0;
		else
			done = PQresultStatus(res) == PGRES_TUPLES_OK &&
				(canceled || strcmp(PQgetvalue(res, 0, 0), "t") == 0);
		PQclear(res);
	} while (again && !way->in_transaction);
	return done;
}

/* False when it was gone already: then who knows what this session holds. */
static bool
release(PGconn *conn, const Way *way, const char *name, const Hold *hold)
{
	bool		done;

	/* A statement that failed has ended what its transaction held, at any time. */
	if (PQtransactionStatus(conn) == PQTRANS_INERROR)
		history_event_at(hold->since, "fault", hold->name, 0, PQbackendPID(conn), "failed-transaction");
	history_event("release", hold->name, hold->token, PQbackendPID(conn), "");
	done = ask_release(conn, way, name, hold);
	history_event(done ? "released" : "gone", hold->name, hold->token, PQbackendPID(conn), "");
	return done;
}

/* Takes the lock away behind the extension, which must not say otherwise. */
static void
take_away(PGconn *conn, const Hold *hold)
{
	int			kind = chance(sizeof(behind) / sizeof(behind[0]));
	char		sql[512];

	history_event("release", hold->name, hold->token, PQbackendPID(conn), "");
	history_event("fault", hold->name, 0, PQbackendPID(conn), behind[kind].name);
	snprintf(sql, sizeof(sql), behind[kind].sql, hold->name);
	if (succeeds(conn, sql) && number(conn, "SELECT advisory_lock.token($1)", hold->name, NULL) > 0)
		history_event("lie", hold->name, hold->token, PQbackendPID(conn), behind[kind].name);
	history_event("gone", hold->name, hold->token, PQbackendPID(conn), behind[kind].name);
}

/* After whatever went wrong, a transaction must be over. */
static bool
clean_up(PGconn *conn)
{
	return PQtransactionStatus(conn) == PQTRANS_IDLE || succeeds(conn, "ROLLBACK");
}

/* On a busy machine this, too, takes longer than the timeout that it ends. */
static void
be_patient(PGconn *conn, const Way *way)
{
	while (strcmp(way->name, "statement") == 0 && !succeeds(conn, "SET statement_timeout = 0") && !is_gone(conn))
		;
}

/* With the resource somewhere else, and no eye on the session of the lock. */
static Worked
work_apart(const Orders *orders, const Hold *hold)
{
	PGconn	   *conn = PQconnectdb(orders->conninfo);
	Worked		worked = WORKED_LOST;

	if (PQstatus(conn) == CONNECTION_OK)
		worked = work(orders, NULL, conn, hold->name, hold->token);
	PQfinish(conn);
	return worked;
}

/* One operation; false when the session is to be ended. */
static bool
operate(const Orders *orders, PGconn *conn, const Way *way)
{
	const char *name = orders->names[chance(orders->name_count)];
	Hold		hold;
	Worked		worked;

	history_next_op();
	if (!acquire(conn, way, name, &hold))
	{
		be_patient(conn, way);
		return clean_up(conn) && holds_nothing(conn, name, hold.failure) &&
			PQstatus(conn) == CONNECTION_OK && chance(20) > 0;
	}
	be_patient(conn, way);
	worked = strcmp(way->name, "apart") == 0 ? work_apart(orders, &hold) :
		work(orders, conn, conn, hold.name, hold.token);
	if (worked == WORKED_LOST)
	{
		history_event("lost", hold.name, hold.token, PQbackendPID(conn), "");
		return false;
	}
	if (strcmp(way->name, "chaos") == 0 && chance(4) == 0)
		take_away(conn, &hold);
	else
	{
		if (worked == WORKED)
			verify(conn, way, &hold);
		if (!release(conn, way, name, &hold))
			return false;
	}
	if (!clean_up(conn))
		return false;
	return (chance(8) > 0 || holds_nothing(conn, name, "release")) && PQstatus(conn) == CONNECTION_OK;
}

void
run_sql(const Orders *orders)
{
	const Way  *way = find_way(orders->way);
	PGconn	   *conn = NULL;

	while (!stopping)
	{
		if (conn == NULL)
			conn = connect_to(orders);
		if (conn && !operate(orders, conn, way))
		{
			PQfinish(conn);
			conn = NULL;
		}
	}
	PQfinish(conn);
}
