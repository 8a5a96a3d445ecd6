/*-------------------------------------------------------------------------
 *
 * open.c
 *	  Connect, or take over a connection of the caller's.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>

#include "libadvlock/internal.h"

#define MAX_KEYWORDS 12

typedef struct connect_params
{
	const char *keywords[MAX_KEYWORDS];
	const char *values[MAX_KEYWORDS];
	int			count;
} connect_params;

static void
add_param(connect_params *p, const char *keyword, const char *value)
{
	if (value == NULL)
		return;
	p->keywords[p->count] = keyword;
	p->values[p->count++] = value;
}

/*
 * What comes before dbname gives way to the caller's connection string, what
 * comes after does not.
 *
 * A statement sent while keepalive probes are unanswered makes the kernel
 * count anew, by tcp_user_timeout.  So the sum of all is the time a cut
 * network can stay unnoticed: below 10 s.
 */
static void
fill_params(connect_params *p, const advlock_open_options *o)
{
	memset(p, 0, sizeof(*p));
	add_param(p, "application_name", o->application_name);
	if (!o->allow_standby && getenv("PGTARGETSESSIONATTRS") == NULL)
		add_param(p, "target_session_attrs", "read-write");
	add_param(p, "keepalives", "1");
	add_param(p, "keepalives_idle", "3");
	add_param(p, "keepalives_interval", "1");
	add_param(p, "keepalives_count", "2");
	add_param(p, "tcp_user_timeout", "4500");
	add_param(p, "dbname", o->conninfo);
	add_param(p, "client_encoding", "UTF8");
	add_param(p, "fallback_application_name", "advlock");
}

static bool
is_conninfo(const char *s)
{
	return strncmp(s, "postgresql://", 13) == 0 ||
		strncmp(s, "postgres://", 11) == 0 || strchr(s, '=') != NULL;
}

/*
 * Refuse what libpq cannot parse, in our own words: libpq's cite the part
 * that is wrong, and that may be the password.
 */
static bool
is_valid_conninfo(const char *s)
{
	PQconninfoOption *options;

	if (s == NULL)
		return true;
	if (!is_conninfo(s))
		return strstr(s, "://") == NULL;
	options = PQconninfoParse(s, NULL);
	PQconninfoFree(options);
	return options != NULL;
}

/* libpq's own limit, which its non-blocking functions leave to us; -1: none. */
static int
libpq_timeout_ms(PGconn *conn)
{
	PQconninfoOption *options = PQconninfo(conn);
	int			seconds = 0;

	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
	{
		if (strcmp(o->keyword, "connect_timeout") == 0 && o->val != NULL)
			seconds = atoi(o->val);
	}
	PQconninfoFree(options);
	if (seconds <= 0)
		return -1;
	return seconds > 1000000 ? 1000000000 : seconds * 1000;
}

static advlock_result
connect_failed(advlock *h)
{
	const char *standby = PQparameterStatus(h->conn, "in_hot_standby");

	(void) advl_fail(h, ADVLOCK_CONNECTION, "%s", PQerrorMessage(h->conn));
	h->status = ADVLOCK_CONNECTION;
	if (standby != NULL && strcmp(standby, "on") == 0)
		h->status = ADVLOCK_STANDBY;
	return h->status;
}

/* The connection stands: go on with the session. */
static advlock_result
connected(advlock *h)
{
	if (PQsetnonblocking(h->conn, 1) != 0)
		return connect_failed(h);
	h->status = ADVLOCK_OK;
	return advl_start_session(h);
}

/* The socket is ready for libpq's next step, or the time has run out. */
static advlock_result
connect_step(advlock *h)
{
	if (advl_remaining(h->open_deadline) == 0)
		return advl_fail(h, ADVLOCK_CONNECTION, "could not connect in time");
	switch (PQconnectPoll(h->conn))
	{
		case PGRES_POLLING_OK:
			return connected(h);
		case PGRES_POLLING_READING:
			return advl_wait_fd(h, PQsocket(h->conn), POLLIN, h->open_deadline, connect_step);
		case PGRES_POLLING_WRITING:
			return advl_wait_fd(h, PQsocket(h->conn), POLLOUT, h->open_deadline, connect_step);
		default:
			return connect_failed(h);
	}
}

static void
start_connect(advlock *h, const advlock_open_options *o)
{
	connect_params p;

	fill_params(&p, o);
	h->conn = PQconnectStartParams(p.keywords, p.values, 1);
	if (h->conn == NULL)
	{
		h->status = advl_no_memory(h);
		return;
	}
	PQsetNoticeReceiver(h->conn, advl_notice, h);
	if (PQstatus(h->conn) == CONNECTION_BAD)
	{
		(void) connect_failed(h);
		return;
	}
	h->open_deadline = advl_deadline(o->timeout_ms >= 0 ? o->timeout_ms :
									 libpq_timeout_ms(h->conn));
	(void) advl_wait_fd(h, PQsocket(h->conn), POLLOUT, h->open_deadline, connect_step);
}

static advlock *
new_handle(const advlock_open_options *o)
{
	advlock    *h = calloc(1, sizeof(advlock));

	if (h == NULL)
		return NULL;
	h->options = *o;
	h->options.conninfo = NULL;
	h->options.application_name = NULL;
	h->open_deadline = -1;
	h->status = ADVLOCK_CONNECTION;
	advl_end(h);
	return h;
}

void
advlock_open_options_init(advlock_open_options *o)
{
	if (o == NULL)
		return;
	memset(o, 0, sizeof(*o));
	o->timeout_ms = -1;
}

advlock *
advlock_start_open(const advlock_open_options *o)
{
	advlock_open_options defaults;
	advlock    *h;

	advlock_open_options_init(&defaults);
	h = new_handle(o == NULL ? &defaults : o);
	if (h == NULL)
		return NULL;
	h->own_conn = true;
	if (o != NULL && !is_valid_conninfo(o->conninfo))
		(void) advl_fail(h, ADVLOCK_CONNECTION, "could not parse the connection string");
	else
		start_connect(h, o == NULL ? &defaults : o);
	return h;
}

advlock *
advlock_start_attach(PGconn *conn, const advlock_open_options *o)
{
	advlock_open_options defaults;
	advlock    *h;

	advlock_open_options_init(&defaults);
	h = new_handle(o == NULL ? &defaults : o);
	if (h == NULL)
		return NULL;
	h->conn = conn;
	if (PQstatus(conn) != CONNECTION_OK)
		(void) advl_fail(h, ADVLOCK_CONNECTION, "the connection is not open");
	else if (PQtransactionStatus(conn) != PQTRANS_IDLE ||
			 PQpipelineStatus(conn) != PQ_PIPELINE_OFF)
	{
		h->status = ADVLOCK_INVALID;
		(void) advl_fail(h, ADVLOCK_INVALID, "the connection is not idle");
	}
	else
	{
		h->status = ADVLOCK_OK;
		h->open_deadline = advl_deadline(h->options.timeout_ms);
		(void) advl_start_session(h);
	}
	return h;
}
