/*-------------------------------------------------------------------------
 *
 * open.c
 *	  Connect, or take over a connection of the caller's.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "common/conninfo.h"
#include "libadvlock/hosts.h"
#include "libadvlock/internal.h"

/* A thousand that wait are 67 probes a second. */
#define PROBE_MS 15000

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
	if (!advl_is_conninfo(s))
		return strstr(s, "://") == NULL;
	options = PQconninfoParse(s, NULL);
	PQconninfoFree(options);
	return options != NULL;
}

/* Copies of what a lease needs to connect again; false without memory. */
static bool
keep_strings(advlock *h, const advlock_open_options *o)
{
	if (o->conninfo != NULL)
		h->options.conninfo = strdup(o->conninfo);
	if (o->application_name != NULL)
		h->options.application_name = strdup(o->application_name);
	return (o->conninfo == NULL) == (h->options.conninfo == NULL) &&
		(o->application_name == NULL) == (h->options.application_name == NULL);
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
	h->open_deadline = NEVER;
	h->way = advl_choose_way(h->options.transaction != 0, false);
	h->status = ADVLOCK_CONNECTION;
	h->probe.fd = -1;
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
	o->probe_ms = PROBE_MS;
}

advlock *
advlock_start_open(const advlock_open_options *o)
{
	advlock_open_options defaults;
	advlock    *h;

	advlock_open_options_init(&defaults);
	h = new_handle(o == NULL ? &defaults : o);
	if (h != NULL && !keep_strings(h, o == NULL ? &defaults : o))
	{
		advlock_close(h);
		h = NULL;
	}
	if (h == NULL)
		return NULL;
	h->own_conn = true;
	h->open_deadline = advl_deadline(h->options.timeout_ms);
	if (o != NULL && !is_valid_conninfo(o->conninfo))
		(void) advl_fail(h, ADVLOCK_CONNECTION, "could not parse the connection string");
	else
		(void) advl_start_hosts(h, o == NULL ? &defaults : o);
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
		(void) advl_start_session(h, h->open_deadline);
	}
	return h;
}
