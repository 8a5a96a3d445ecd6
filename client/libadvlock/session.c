/*-------------------------------------------------------------------------
 *
 * session.c
 *	  Make a fresh session fit for holding locks, and see what it is.
 *
 * All of it is one round trip.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/*
 * The start of the server, to the microsecond, tells servers apart that are
 * copies of each other, and every role may ask for it.
 */
#define DATABASE \
	"(SELECT pg_catalog.concat(d.oid, '.'," \
	" EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()))" \
	" FROM pg_catalog.pg_database AS d" \
	" WHERE d.datname" ADVL_EQ "pg_catalog.current_database())"

/*
 * Does the server keep delays?  An extension that cannot say so does not, and
 * neither does one that this role must not use.  Each step asks what would
 * raise an error without the one before it.
 */
#define HAS_REGISTRY \
	"CASE WHEN e.is_there THEN" \
	" CASE WHEN pg_catalog.has_schema_privilege(" \
	"CAST(pg_catalog.to_regnamespace('advisory_lock') AS pg_catalog.oid), 'USAGE') THEN" \
	" CASE WHEN pg_catalog.has_function_privilege(" \
	"CAST(pg_catalog.to_regprocedure('advisory_lock.has_registry()') AS pg_catalog.oid), 'EXECUTE') THEN " \
	ADVL_ASK("advisory_lock.has_registry()") \
	" ELSE false END ELSE false END ELSE false END"

#define PROBE(has_registry) \
	"SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), " \
	"e.is_there, " DATABASE ", " has_registry \
	" FROM (SELECT " ADVL_HAS_EXTENSION " OFFSET 0) AS e(is_there)"

/* [with transaction-level locks], which know no delay */
static const char *const probe_sql[2] = {PROBE(HAS_REGISTRY), PROBE("false")};

/*
 * $1 is the process libpq connected to, or NULL if a pooler is allowed.  A
 * session that we are going to refuse belongs to others and stays as it is.
 */
#define OUR_SESSION \
	"COALESCE(pg_catalog.pg_backend_pid()" ADVL_EQ "CAST($1 AS pg_catalog.int4), true)"

/*
 * A session that waits and holds must not be ended for it, and the server
 * must notice within 25 s that our host is gone (we notice within 10 s).
 * What a server does not have is left out: current_setting() gives NULL.
 *
 * The check of the connection is for those who wait: it takes a client that
 * was killed out of the queue.  Each check is six system calls, in every
 * session that waits, so they are far apart: whoever closes a handle cancels
 * its wait anyway, and one that was killed gives the lock on as soon as it is
 * granted, when the answer finds nobody.
 * Only on Linux does every server that has client_connection_check_interval
 * also accept it.
 */
static const char settings_sql[] =
"SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, false))"
" FROM (VALUES"
" ('statement_timeout', '0'), ('lock_timeout', '0'),"
" ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),"
" ('transaction_timeout', '0'), ('default_transaction_read_only', 'off'), ('search_path', ''),"
" ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '3'),"
" ('tcp_keepalives_count', '5'), ('tcp_user_timeout', '25000'),"
" ('client_connection_check_interval',"
" CASE WHEN pg_catalog.strpos(pg_catalog.version(), 'linux')" ADVL_OP(">") "0"
" THEN '5000' ELSE '0' END)"
") AS s(name, value)"
" WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL AND " OUR_SESSION;

static const char allow_standby_sql[] =
"SELECT pg_catalog.count(pg_catalog.set_config('advisory_lock.allow_standby', 'on', false))"
" WHERE " OUR_SESSION;

/* The session is there but cannot be used. */
static advlock_result
refuse(advlock *h, advlock_result why, const char *reason)
{
	h->status = why;
	return advl_fail(h, why, "%s", reason);
}

/*
 * CockroachDB says yes to every session-level advisory lock and keeps none.
 * It announces itself while connecting.
 */
static bool
has_stub_locks(const advlock *h)
{
	return PQparameterStatus(h->conn, "crdb_version") != NULL &&
		!h->options.transaction;
}

/*
 * Whoever answered while we connected said that it is no standby, and the
 * statement came to one all the same: pgpool distributes them, for one.
 */
static bool
is_distributed(const advlock *h)
{
	const char *standby = PQparameterStatus(h->conn, "in_hot_standby");

	return h->pid != h->client_pid && standby != NULL && strcmp(standby, "off") == 0;
}

static advlock_result
judge(advlock *h, bool in_recovery)
{
	if (in_recovery && !h->options.allow_standby)
		return refuse(h, ADVLOCK_STANDBY, is_distributed(h) ?
					  "a pooler such as pgpool sends the statements to a standby\n"
					  "HINT:  Connect to the primary, or turn load_balance_mode off." :
					  "the server is a standby\n"
					  "HINT:  Its locks are its own; connect to the primary.");
	h->in_recovery = in_recovery;
	if (h->pid != h->client_pid && !h->options.allow_pooler && !h->options.transaction)
		return refuse(h, ADVLOCK_POOLER,
					  "a connection pooler, such as pgbouncer or pgpool, is between this client "
					  "and the server\n"
					  "HINT:  Connect to the server directly, or use transaction-level locks.");
	h->status = ADVLOCK_OK;
	h->ready = true;
	return ADVLOCK_OK;
}

/* The probe is the last of the results. */
static advlock_result
session_done(advlock *h)
{
	const PGresult *probe = h->op.results[h->op.nresults - 1];
	int64_t		pid;

	for (int i = 0; i < h->op.nresults; i++)
	{
		if (!advl_rows(h->op.results[i]))
		{
			(void) advl_server_error(h, h->op.results[i]);
			h->status = ADVLOCK_SERVER;
			return ADVLOCK_SERVER;
		}
	}
	if (!advl_number_at(probe, 0, 0, &pid))
		return refuse(h, ADVLOCK_SERVER, "the server's answer makes no sense");
	h->pid = (int) pid;
	h->client_pid = PQbackendPID(h->conn);
	h->way = advl_choose_way(h->options.transaction != 0, advl_is_true(probe, 2));
	h->registry = advl_is_true(probe, 4);
	snprintf(h->database, sizeof(h->database), "%s", advl_value(probe, 3));
	return judge(h, advl_is_true(probe, 1));
}

/*
 * Settings are for sessions of our own; what a pooler in transaction mode
 * shares with others, and what is the caller's, stays as it is.
 */
advlock_result
advl_start_session(advlock *h, int64_t deadline)
{
	advl_statement statements[3];
	int			n = 0;
	advl_number pid;
	const char *only_pid = h->options.allow_pooler ? NULL : pid;
	bool		own = h->own_conn && !h->options.transaction;

	if (has_stub_locks(h))
		return refuse(h, ADVLOCK_SERVER,
					  "session-level advisory locks of this server are not reliable\n"
					  "HINT:  Use transaction-level locks.");
	snprintf(pid, sizeof(pid), "%d", PQbackendPID(h->conn));
	if (own)
		statements[n++] = (advl_statement) {settings_sql, 1, {only_pid}, true};
	if (own && h->options.allow_standby)
		statements[n++] = (advl_statement) {allow_standby_sql, 1, {only_pid}, true};
	statements[n++] = (advl_statement) {.sql = probe_sql[h->options.transaction != 0]};
	return advl_send(h, statements, n, session_done,
					 advl_remaining(deadline));
}
