/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  Cancel a wait, without being held up by a server that does not answer.
 *
 * PQcancel() blocks until the server has taken the request and closes the
 * connection, and one that is stopped never does, although the kernel accepts
 * connections for it; nor does a pooler, before it could pass the request on.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>

#include "libadvlock/aside.h"
#include "libadvlock/internal.h"

typedef struct request
{
	advl_aside	aside;
	PGcancel   *cancel;
	bool		taken;
} request;

static void
send_request(advl_aside *a)
{
	request    *r = (request *) a;
	char		reason[256];

	r->taken = PQcancel(r->cancel, reason, sizeof(reason));
}

static void
release(advl_aside *a)
{
	request    *r = (request *) a;

	PQfreeCancel(r->cancel);
	free(r);
}

/* Wait until it is over, unless that takes too long. */
static bool
is_taken(const request *r, int64_t deadline)
{
	struct pollfd p = {.fd = r->aside.our_end};

	while (!advl_aside_is_over(&r->aside))
	{
		if (advl_remaining(deadline) == 0)
			return false;
		(void) poll(&p, 1, advl_remaining(deadline));
	}
	return r->taken;
}

/* Cancel what the session does; false if that cannot be had until then. */
bool
advl_cancel(PGconn *conn, int64_t deadline)
{
	request    *r = calloc(1, sizeof(request));
	bool		taken;

	if (r == NULL)
		return false;
	r->cancel = PQgetCancel(conn);
	if (r->cancel == NULL || advl_aside_start(&r->aside, send_request, release) != 0)
	{
		release(&r->aside);
		return false;
	}
	taken = is_taken(r, deadline);
	advl_aside_end(&r->aside);
	return taken;
}
