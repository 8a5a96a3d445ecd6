/*-------------------------------------------------------------------------
 *
 * test_servers.c
 *	  Servers that are special: behind a pooler, on a standby, over TCP, and
 *	  with advisory locks that are none.
 *
 * The environment says how each is reached: TEST_TRANSACTION_POOLER and so on
 * are connection strings.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"

static advlock_open_options
options_for(const char *variable)
{
	advlock_open_options o;

	advlock_open_options_init(&o);
	o.conninfo = getenv(variable);
	check(o.conninfo != NULL);
	return o;
}

static void
check_refused(const advlock_open_options *o, advlock_result why)
{
	advlock    *h = advlock_open_with(o);
	PGconn	   *conn;

	check_result(h, advlock_status(h), why);
	check(strstr(advlock_error(h), "pooler") != NULL || why != ADVLOCK_POOLER);
	check_result(h, advlock_lock(h, "x", NULL), why);
	advlock_close(h);

	conn = PQconnectdb(o->conninfo);
	h = advlock_attach(conn);
	check_result(h, advlock_status(h), why);
	check_result(h, advlock_try_lock(h, "x"), why);
	advlock_close(h);
	PQfinish(conn);
}

static void
pooler_is_refused(void)
{
	advlock_open_options o = options_for("TEST_TRANSACTION_POOLER");

	check_refused(&o, ADVLOCK_POOLER);
	o = options_for("TEST_SESSION_POOLER");
	check_refused(&o, ADVLOCK_POOLER);
}

static void
session_pooler_is_allowed(void)
{
	advlock_open_options o = options_for("TEST_SESSION_POOLER");
	advlock    *a;
	advlock    *b = open_ready();

	o.allow_pooler = 1;
	a = advlock_open_with(&o);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check(!advlock_has_registry(a));
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

/* The pooler has one connection to the server for both. */
static void
two_clients_one_connection(void)
{
	advlock_open_options o = options_for("TEST_TRANSACTION_POOLER");
	advlock_options at_once = with_timeout(0);
	advlock    *a;
	advlock    *b;
	advlock    *direct = open_ready();

	o.transaction = 1;
	a = advlock_open_with(&o);
	check_result(a, advlock_status(a), ADVLOCK_OK);
	b = advlock_open_with(&o);
	check_result(b, advlock_status(b), ADVLOCK_OK);

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(direct, advlock_try_lock(direct, "x"), ADVLOCK_BUSY);

	/* The only connection is taken: not even a failure comes back in time. */
	check_result(b, advlock_lock(b, "x", &at_once), ADVLOCK_BUSY);
	advlock_close(b);
	b = advlock_start_open(&o);
	check_result(b, advlock_status(b), ADVLOCK_WAITING);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, finish(b), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "x", NULL), ADVLOCK_OK);
	check_result(direct, advlock_try_lock(direct, "x"), ADVLOCK_BUSY);
	advlock_close(b);
	check_result(direct, advlock_try_lock(direct, "x"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(direct);
}

/* What we set is gone with the transaction: others share the session. */
static void
pooler_session_is_left_clean(void)
{
	advlock_open_options o = options_for("TEST_TRANSACTION_POOLER");
	PGconn	   *conn = PQconnectdb(o.conninfo);
	advlock    *h;
	static const char settings[] =
	"SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings"
	" WHERE source IN ('session', 'client') AND name NOT IN ('application_name')";
	char	   *before = strdup(query_on(conn, settings, NULL));

	/* Nothing is set in a session that is refused, either. */
	h = advlock_open_with(&o);
	check_result(h, advlock_status(h), ADVLOCK_POOLER);
	advlock_close(h);
	check_string(query_on(conn, settings, NULL), before);

	o.transaction = 1;
	h = advlock_open_with(&o);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	advlock_close(h);
	check_string(query_on(conn, settings, NULL), before);
	check_string(query_on(conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
	PQfinish(conn);
	free(before);
}

static void
standby_is_refused(void)
{
	advlock_open_options o = options_for("TEST_STANDBY");

	check_refused(&o, ADVLOCK_STANDBY);
}

/* Of several hosts the primary is found, wherever it is in the list. */
static void
primary_is_found(void)
{
	advlock_open_options o = options_for("TEST_BOTH_HOSTS");
	advlock    *a = advlock_open_with(&o);
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	advlock_close(a);
	advlock_close(b);
}

/* Locks of a standby are its own and have no token. */
static void
standby_is_allowed(void)
{
	advlock_open_options o = options_for("TEST_STANDBY");
	const char *const names[] = {"b", "a"};
	advlock    *a;
	advlock    *b;
	advlock    *primary = open_ready();

	o.allow_standby = 1;
	a = advlock_open_with(&o);
	b = advlock_open_with(&o);
	check_result(a, advlock_status(a), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check(advlock_token(a, "x") == 0);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(primary, advlock_try_lock(primary, "x"), ADVLOCK_OK);
	check_result(a, advlock_lock_many(a, names, 2, NULL), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
	advlock_close(primary);
}

static int
socket_option(const advlock *h, int level, int option)
{
	int			value = -1;
	socklen_t	length = sizeof(value);

	check(getsockopt(advlock_socket(h), level, option, &value, &length) == 0);
	return value;
}

static int
server_setting(const advlock *h, const char *name)
{
	return atoi(query_on(advlock_connection(h),
						 "SELECT setting FROM pg_settings WHERE name = $1", name));
}

/*
 * On a cut network the holder learns of it before the server frees the lock:
 * idle + interval * count, and the limit of unacknowledged data.
 */
static void
keepalives_over_tcp(void)
{
	advlock_open_options o = options_for("TEST_TCP");
	advlock    *h = advlock_open_with(&o);

	check_result(h, advlock_status(h), ADVLOCK_OK);
	check(socket_option(h, SOL_SOCKET, SO_KEEPALIVE) == 1);
	check(socket_option(h, IPPROTO_TCP, TCP_KEEPIDLE) +
		  socket_option(h, IPPROTO_TCP, TCP_KEEPINTVL) *
		  socket_option(h, IPPROTO_TCP, TCP_KEEPCNT) +
		  socket_option(h, IPPROTO_TCP, TCP_USER_TIMEOUT) / 1000.0 < 10);
	check(socket_option(h, IPPROTO_TCP, TCP_USER_TIMEOUT) > 0);
	check(server_setting(h, "tcp_keepalives_idle") +
		  server_setting(h, "tcp_keepalives_interval") *
		  server_setting(h, "tcp_keepalives_count") == 25);
	check(server_setting(h, "tcp_user_timeout") == 25000);
	advlock_close(h);
}

/* Functions that say yes and lock nothing, as some servers have them. */
static void
stub_locks_are_refused(void)
{
	advlock_open_options o = options_for("TEST_STUB");
	advlock    *h = advlock_open_with(&o);
	advlock_options lock_options = with_timeout(0);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_SERVER);
	check_result(h, advlock_try_lock(h, "x"), ADVLOCK_SERVER);
	lock_options.permits = 1;
	check_result(h, advlock_lock(h, "x", &lock_options), ADVLOCK_SERVER);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_NOT_HELD);
	advlock_close(h);

	o.transaction = 1;
	h = advlock_open_with(&o);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_SERVER);
	advlock_close(h);
}

/* One that announces itself is not even asked. */
static void
cockroach_is_refused(void)
{
	advlock_open_options o = options_for("TEST_COCKROACH");
	advlock    *h = advlock_open_with(&o);

	check_result(h, advlock_status(h), ADVLOCK_SERVER);
	check(strstr(advlock_error(h), "transaction-level") != NULL);
	check_result(h, advlock_try_lock(h, "x"), ADVLOCK_SERVER);
	advlock_close(h);
}

const test_case server_tests[] = {
	{"pooler_is_refused", "pooler", pooler_is_refused},
	{"session_pooler_is_allowed", "pooler", session_pooler_is_allowed},
	{"two_clients_one_connection", "pooler", two_clients_one_connection},
	{"pooler_session_is_left_clean", "pooler", pooler_session_is_left_clean},
	{"standby_is_refused", "standby", standby_is_refused},
	{"primary_is_found", "standby", primary_is_found},
	{"standby_is_allowed", "standby", standby_is_allowed},
	{"keepalives_over_tcp", "tcp", keepalives_over_tcp},
	{"stub_locks_are_refused", "stub", stub_locks_are_refused},
	{"cockroach_is_refused", "cockroach", cockroach_is_refused},
	{NULL, NULL, NULL}
};
