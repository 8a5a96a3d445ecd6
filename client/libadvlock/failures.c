/*-------------------------------------------------------------------------
 *
 * failures.c
 *	  What came of several attempts, in one reason.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/failures.h"

/* A server that was reached says more than one that was not. */
static int
how_telling(advlock_result r)
{
	switch (r)
	{
		case ADVLOCK_POOLER:
			return 3;
		case ADVLOCK_SERVER:
			return 2;
		case ADVLOCK_STANDBY:
			return 1;
		default:
			return 0;
	}
}

/* libpq says itself whom it could not connect to. */
static void
add_line(advl_failures *f, const advlock *h, const char *host, const char *port)
{
	const char *reason = advlock_error(h);

	if (h->connected)
		advl_text_appendf(&f->lines, "server at \"%s\", port %s: ", host, port);
	advl_text_appendf(&f->lines, "%.*s\n", (int) strcspn(reason, "\n"), reason);
}

static void
make_ready(advlock *h)
{
	PQfinish(h->conn);
	h->conn = NULL;
	h->connected = false;
	h->status = ADVLOCK_CONNECTION;
	advl_clear_error(h);
}

void
advl_failures_add(advl_failures *f, advlock *h, advlock_result r,
				  const char *host, const char *port)
{
	if (f->count++ == 0)
		advl_text_append(&f->only, advlock_error(h));
	add_line(f, h, host, port);
	if (f->count == 1 || how_telling(r) > how_telling(f->result))
	{
		f->result = r;
		memcpy(f->sqlstate, h->sqlstate, sizeof(f->sqlstate));
	}
	f->may_pass |= h->may_pass;
	f->out_of_memory |= r == ADVLOCK_NOMEM || f->only.broken || f->lines.broken;
	make_ready(h);
}

advlock_result
advl_failures_report(const advl_failures *f, advlock *h)
{
	advlock_result r = f->count == 0 ? ADVLOCK_CONNECTION : f->result;

	if (f->out_of_memory)
		return advl_no_memory(h);
	if (f->count == 0)
		(void) advl_fail(h, r, "could not connect in time");
	else if (f->count == 1)
		(void) advl_fail(h, r, "%s", advl_text_str(&f->only));
	else
		(void) advl_fail(h, r, "none of %d attempts to connect succeeded\nDETAIL:  %s",
						 f->count, advl_text_str(&f->lines));
	memcpy(h->sqlstate, f->sqlstate, sizeof(h->sqlstate));
	h->may_pass = f->count == 0 || f->may_pass;
	return r;
}

void
advl_failures_free(advl_failures *f)
{
	advl_text_free(&f->only);
	advl_text_free(&f->lines);
}
