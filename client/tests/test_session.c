/*-------------------------------------------------------------------------
 *
 * test_session.c
 *	  The sessions we open, and connections of the caller's.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char *
setting(advlock *h, const char *name)
{
	return query_on(advlock_connection(h), "SELECT current_setting($1, true)", name);
}

/* Limits that a role or database has do not end what must last. */
static void
settings_of_own_session(void)
{
	advlock_open_options o;
	advlock    *h = open_ready();
	char		conninfo[1000];
	bool		has_transaction_timeout = PQserverVersion(advlock_connection(h)) >= 170000;

	advlock_close(h);
	snprintf(conninfo, sizeof(conninfo),
			 "%s options='-c statement_timeout=1s -c lock_timeout=1s -c idle_session_timeout=1s"
			 " -c idle_in_transaction_session_timeout=1s -c search_path=public%s'", test_conninfo,
			 has_transaction_timeout ? " -c transaction_timeout=1s" : "");
	advlock_open_options_init(&o);
	o.conninfo = conninfo;
	o.application_name = "my program";
	h = advlock_open_with(&o);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	check_string(setting(h, "statement_timeout"), "0");
	check_string(setting(h, "lock_timeout"), "0");
	check_string(setting(h, "idle_session_timeout"), "0");
	check_string(setting(h, "idle_in_transaction_session_timeout"), "0");
	check_string(setting(h, "transaction_timeout"), has_transaction_timeout ? "0" : "");
	check_string(setting(h, "search_path"), "");
	check_string(setting(h, "client_encoding"), "UTF8");
	check_string(setting(h, "application_name"), "my program");
	check_string(setting(h, "client_connection_check_interval"), "5s");
	advlock_close(h);
}

/* What tells sessions and databases apart, whatever leads to them. */
static void
who_and_where(void)
{
	advlock    *one = open_ready();
	advlock    *other = open_ready();
	char		conninfo[1000];
	advlock    *elsewhere;

	snprintf(conninfo, sizeof(conninfo), "%s dbname=template1", test_conninfo);
	elsewhere = advlock_open(conninfo);
	check_result(elsewhere, advlock_status(elsewhere), ADVLOCK_OK);
	check(advlock_backend_pid(one) == atoi(server_pid(one)));
	check(advlock_backend_pid(one) != advlock_backend_pid(other));
	check(*advlock_database(one) != '\0');
	check_string(advlock_database(other), advlock_database(one));
	check(strcmp(advlock_database(elsewhere), advlock_database(one)) != 0);
	check(advlock_backend_pid(NULL) == 0);
	check_string(advlock_database(NULL), "");
	advlock_close(one);
	advlock_close(other);
	advlock_close(elsewhere);
}

static void
application_name_of_conninfo(void)
{
	advlock_open_options o;
	advlock    *h;
	char		conninfo[1000];

	unsetenv("PGAPPNAME");
	h = open_ready();
	check_string(setting(h, "application_name"), "advlock");
	advlock_close(h);
	snprintf(conninfo, sizeof(conninfo), "%s application_name=theirs", test_conninfo);
	advlock_open_options_init(&o);
	o.conninfo = conninfo;
	o.application_name = "ours";
	h = advlock_open_with(&o);
	check_string(setting(h, "application_name"), "theirs");
	advlock_close(h);
}

static void
waits_longer_than_role_allows(void)
{
	advlock    *a = open_ready();
	advlock    *b;
	advlock_options o = with_timeout(2500);
	char		conninfo[1000];

	/* enough for a slow client to get to its first question */
	snprintf(conninfo, sizeof(conninfo),
			 "%s options='-c statement_timeout=2s -c idle_session_timeout=2s'", test_conninfo);
	b = advlock_open(conninfo);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "held", NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "x", &o), ADVLOCK_BUSY);
	check_result(b, advlock_check(b), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

/* Functions and operators of the same names in front of the system's. */
static void
hostile_search_path(void)
{
	PGconn	   *conn = connect_plain("client_encoding=UTF8");
	advlock    *a;
	advlock    *b = open_ready();

	(void) query_on(conn, "CREATE SCHEMA hostile", NULL);
	(void) query_on(conn, "CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text"
					" LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called''; END'", NULL);
	(void) query_on(conn, "CREATE FUNCTION hostile.differ(int, int) RETURNS int"
					" LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called''; END'", NULL);
	(void) query_on(conn, "CREATE OPERATOR hostile.<<"
					" (leftarg = int, rightarg = int, function = hostile.differ)", NULL);
	(void) query_on(conn, "CREATE OPERATOR hostile.|"
					" (leftarg = int, rightarg = int, function = hostile.differ)", NULL);
	(void) query_on(conn, "SET search_path = hostile, pg_catalog", NULL);
	a = advlock_attach(conn);
	check_result(a, advlock_status(a), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	advlock_close(a);
	(void) query_on(conn, "SET client_min_messages = warning", NULL);
	(void) query_on(conn, "DROP SCHEMA hostile CASCADE", NULL);
	PQfinish(conn);
	advlock_close(b);
}

static void
attach_leaves_connection_alone(void)
{
	PGconn	   *conn = connect_plain("application_name=theirs options='-c lock_timeout=7s'");
	advlock    *a = advlock_attach(conn);
	advlock    *b = open_ready();
	advlock_options o = with_timeout(1100);

	check_result(a, advlock_status(a), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "busy", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "busy", &o), ADVLOCK_BUSY);
	check_string(query_on(conn, "SHOW lock_timeout", NULL), "7s");
	check_string(query_on(conn, "SHOW application_name", NULL), "theirs");
	check_string(query_on(conn, "SHOW search_path", NULL), "\"$user\", public");

	/* The caller's own lock outlives the handle. */
	(void) query_on(conn, "SELECT pg_advisory_lock(1)", NULL);
	advlock_close(a);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	check_string(query_on(conn, "SELECT pg_advisory_unlock(1)", NULL), "t");
	check(PQpipelineStatus(conn) == PQ_PIPELINE_OFF && !PQisnonblocking(conn));
	PQfinish(conn);
	advlock_close(b);
}

static void
attach_closed_while_waiting(void)
{
	PGconn	   *conn = connect_plain("");
	advlock    *a = advlock_attach(conn);
	advlock    *b = open_ready();

	check_result(b, advlock_lock(b, "busy", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_start_lock(a, "busy", NULL), ADVLOCK_WAITING);
	wait_blocked(a);
	advlock_close(a);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	check_string(query_on(conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
						  " AND pid = pg_backend_pid()", NULL), "0");
	PQfinish(conn);
	advlock_close(b);
}

static void
attach_refuses_what_is_not_idle(void)
{
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(NULL);

	check_result(h, advlock_status(h), ADVLOCK_CONNECTION);
	advlock_close(h);

	(void) query_on(conn, "BEGIN", NULL);
	h = advlock_attach(conn);
	check_result(h, advlock_status(h), ADVLOCK_INVALID);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_INVALID);
	advlock_close(h);
	(void) query_on(conn, "ROLLBACK", NULL);

	h = advlock_attach(conn);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query_on(conn, "BEGIN", NULL);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_INVALID);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	(void) query_on(conn, "COMMIT", NULL);
	check(PQsendQuery(conn, "SELECT 1") == 1);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_INVALID);
	PQclear(PQgetResult(conn));
	check(PQgetResult(conn) == NULL);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_OK);
	advlock_close(h);
	PQfinish(conn);
}

static void
attached_connection_is_reset(void)
{
	PGconn	   *conn = connect_plain("");
	advlock    *h = advlock_attach(conn);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	PQreset(conn);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	check_result(h, advlock_status(h), ADVLOCK_LOST);
	advlock_close(h);
	check_string(query_on(conn, "SELECT 1", NULL), "1");
	PQfinish(conn);
}

/* A name must not become another one on its way. */
static void
attached_encoding(void)
{
	PGconn	   *conn = connect_plain("client_encoding=LATIN1");
	advlock    *h = advlock_attach(conn);

	check_result(h, advlock_try_lock(h, "ascii"), ADVLOCK_OK);
	check_result(h, advlock_try_lock(h, "\xc3\xa9t\xc3\xa9"), ADVLOCK_INVALID);
	check(PQsetClientEncoding(conn, "UTF8") == 0);
	check_result(h, advlock_try_lock(h, "\xc3\xa9t\xc3\xa9"), ADVLOCK_OK);
	advlock_close(h);
	PQfinish(conn);
}

static void
attached_limits_apply(void)
{
	PGconn	   *conn = connect_plain("options='-c statement_timeout=200ms'");
	advlock    *a = advlock_attach(conn);
	advlock    *b = open_ready();

	check_result(b, advlock_lock(b, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_CANCELED);
	check_sqlstate(a, "57014");
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	advlock_close(a);
	PQfinish(conn);
	advlock_close(b);
}

/* The same keys: a session with the extension and one without it, or none. */
static void
excludes_plain_sql(void)
{
	advlock    *h = open_ready();
	static const char try_key[] =
	"SELECT pg_try_advisory_lock(-107789403, -1898803861)";

	check_result(h, advlock_lock(h, "test-lock", NULL), ADVLOCK_OK);
	check_string(query(try_key, NULL), "f");
	check_result(h, advlock_unlock(h, "test-lock"), ADVLOCK_OK);
	check_string(query(try_key, NULL), "t");
	advlock_close(h);
}

/* A session from before the extension was created, and one from after. */
static void
fallback_meets_extension(void)
{
	advlock    *before = open_ready();
	advlock    *after;
	advlock_options permit = with_timeout(0);

	permit.permits = 1;
	check(!advlock_has_extension(before) && !advlock_has_registry(before));
	(void) query("CREATE EXTENSION advisory_lock", NULL);
	after = open_ready();
	check(advlock_has_extension(after));

	/* the way that was chosen is noticed to be the wrong one, once */
	check_result(before, advlock_lock(before, "p", &permit), ADVLOCK_SERVER);
	check(advlock_may_pass(before) && advlock_has_extension(before));
	check_result(before, advlock_lock(before, "x", NULL), ADVLOCK_OK);
	check(advlock_token(before, "x") > 0);
	check_result(before, advlock_lock(before, "p", &permit), ADVLOCK_OK);
	check_result(after, advlock_try_lock(after, "x"), ADVLOCK_BUSY);
	check_result(after, advlock_lock(after, "p", &permit), ADVLOCK_BUSY);
	check_result(before, advlock_unlock(before, "x"), ADVLOCK_OK);
	check_result(before, advlock_unlock(before, "p"), ADVLOCK_OK);
	check_result(after, advlock_try_lock(after, "x"), ADVLOCK_OK);
	check_result(after, advlock_lock(after, "p", &permit), ADVLOCK_OK);
	check_result(before, advlock_try_lock(before, "x"), ADVLOCK_BUSY);
	check_result(before, advlock_lock(before, "p", &permit), ADVLOCK_BUSY);
	advlock_close(before);
	advlock_close(after);
	(void) query("DROP EXTENSION advisory_lock", NULL);
}

/* How often the client spoke and then had to wait for the server. */
static int
round_trips(FILE *trace)
{
	char	   *line = NULL;
	size_t		size = 0;
	char		last = 'B';
	int			count = 0;

	rewind(trace);
	while (getline(&line, &size, trace) > 0)
	{
		const char *field = strchr(line, '\t');
		char		direction = field == NULL ? 'B' : field[1];

		if (direction == 'F' && last == 'B')
			count++;
		last = direction;
	}
	free(line);
	return count;
}

/* Connecting is one; the lock is there after two more, whatever it takes. */
static void
two_round_trips_to_a_lock(void)
{
	FILE	   *trace = tmpfile();
	advlock_open_options o;
	advlock_options lock_options = with_timeout(60000);
	advlock    *h;

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	lock_options.lock_delay_ms = 0;
	h = advlock_start_open(&o);
	PQtrace(advlock_connection(h), trace);
	check_result(h, finish(h), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", &lock_options), ADVLOCK_OK);
	PQuntrace(advlock_connection(h));
	check(round_trips(trace) == 3);
	fclose(trace);
	advlock_close(h);
}

/* A database that cannot hold a name does not get it. */
static void
name_outside_encoding(void)
{
	static const char *const encodings[] = {"LATIN1", "SQL_ASCII"};
	const char *const names[] = {"ascii", "\xe4\xb8\xad"};

	for (size_t i = 0; i < 2; i++)
	{
		char		sql[200];
		char		conninfo[1000];
		advlock    *h;
		advlock_options permit = with_timeout(0);

		permit.permits = 1;
		snprintf(sql, sizeof(sql), "CREATE DATABASE narrow ENCODING '%s' LOCALE 'C' TEMPLATE template0",
				 encodings[i]);
		(void) query(sql, NULL);
		snprintf(conninfo, sizeof(conninfo), "%s dbname=narrow", test_conninfo);
		for (int extension = 0; extension < 2; extension++)
		{
			h = advlock_open(conninfo);
			check(advlock_has_extension(h) == extension);
			check_result(h, advlock_try_lock(h, names[1]), ADVLOCK_INVALID);
			check(strlen(advlock_error(h)) > 0);
			check_result(h, advlock_lock(h, names[1], &permit), ADVLOCK_INVALID);
			check_result(h, advlock_lock_many(h, names, 2, NULL), ADVLOCK_INVALID);
			check_result(h, advlock_status(h), ADVLOCK_OK);
			check_result(h, advlock_try_lock(h, "ascii"), ADVLOCK_OK);
			check_result(h, advlock_unlock(h, "ascii"), ADVLOCK_OK);
			(void) query_on(advlock_connection(h), extension ? "SELECT 1" :
							"CREATE EXTENSION advisory_lock", NULL);
			advlock_close(h);
		}
		wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'narrow')", NULL);
		(void) query("DROP DATABASE narrow", NULL);
	}
}

static void
lock_delay_is_set(void)
{
	advlock    *h = open_ready();
	advlock_options o = with_timeout(0);


	check(advlock_has_registry(h));
	o.lock_delay_ms = 1234;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_OK);
	check_string(query_on(advlock_connection(h),
						  "SELECT setting FROM pg_settings WHERE name = 'advisory_lock.lock_delay'",
						  NULL), "1234");
	advlock_close(h);
}

const test_case session_tests[] = {
	{"settings_of_own_session", "any", settings_of_own_session},
	{"who_and_where", "any", who_and_where},
	{"application_name_of_conninfo", "any", application_name_of_conninfo},
	{"waits_longer_than_role_allows", "any", waits_longer_than_role_allows},
	{"hostile_search_path", "any", hostile_search_path},
	{"attach_leaves_connection_alone", "any", attach_leaves_connection_alone},
	{"attach_closed_while_waiting", "any", attach_closed_while_waiting},
	{"attach_refuses_what_is_not_idle", "any", attach_refuses_what_is_not_idle},
	{"attached_connection_is_reset", "any", attached_connection_is_reset},
	{"attached_encoding", "any", attached_encoding},
	{"attached_limits_apply", "any", attached_limits_apply},
	{"excludes_plain_sql", "any", excludes_plain_sql},
	{"fallback_meets_extension", "plain", fallback_meets_extension},
	{"two_round_trips_to_a_lock", "any", two_round_trips_to_a_lock},
	{"name_outside_encoding", "extension", name_outside_encoding},
	{"lock_delay_is_set", "extension", lock_delay_is_set},
	{NULL, NULL, NULL}
};
