/*-------------------------------------------------------------------------
 *
 * poll.c
 *	  What drives every operation, with and without blocking.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>

#include "libadvlock/internal.h"
#include "libadvlock/probe.h"

/* All answers are in: let the operation go on. */
static advlock_result
handle_results(advlock *h)
{
	advl_handler handler = h->op.on_results;

	h->op.on_results = NULL;
	return handler(h);
}

static advlock_result
poll_timer(advlock *h)
{
	advl_handler handler = h->op.on_timer;
	advlock_result r = advl_poll_idle(h);

	if (r != ADVLOCK_OK)
		return r;
	if (advl_remaining(h->op.wake_at) > 0)
		return ADVLOCK_WAITING;
	h->op.on_timer = NULL;
	return handler(h);
}

static advlock_result
poll_ready(advlock *h)
{
	advl_handler handler = h->op.on_ready;

	if (!advl_is_ready(h->op.fd, h->op.fd_events) && advl_remaining(h->op.wake_at) != 0)
		return ADVLOCK_WAITING;
	h->op.on_ready = NULL;
	return handler(h);
}

/* One step; *again if the next may be possible at once. */
static advlock_result
poll_step(advlock *h, bool *again)
{
	advlock_result r;

	*again = false;
	if (h->op.on_ready != NULL)
		return poll_ready(h);
	if (h->op.on_timer != NULL)
		return poll_timer(h);
	r = advl_receive(h);
	if (r != ADVLOCK_OK)
		return r;
	r = handle_results(h);
	*again = r == ADVLOCK_WAITING;
	return r;
}

advlock_result
advlock_poll(advlock *h)
{
	advlock_result r;
	bool		again;

	if (h == NULL)
		return ADVLOCK_INVALID;
	if (h->lease != NULL)
		return h->way->poll(h);
	if (!advl_under_way(h))
		return h->status == ADVLOCK_OK ? advl_poll_idle(h) : h->status;
	do
		r = poll_step(h, &again);
	while (again);
	if (r == ADVLOCK_WAITING)
		return r;
	advl_end(h);
	return h->on_end != NULL ? h->on_end(h, r) : r;
}

int
advlock_socket(const advlock *h)
{
	if (h != NULL && h->lease != NULL)
		h = h->lease->session;
	if (h == NULL)
		return -1;
	return h->op.on_ready != NULL ? h->op.fd : PQsocket(h->conn);
}

int
advlock_events(const advlock *h)
{
	if (advlock_socket(h) < 0)
		return 0;
	if (h->lease != NULL)
		h = h->lease->session;
	if (h->op.on_ready != NULL)
		return h->op.fd_events;
	if (h->op.on_results != NULL && PQflush(h->conn) == 1)
		return POLLIN | POLLOUT;
	return POLLIN;
}

/* The shorter of two times in ms; -1 is for ever. */
static int
sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Until a lease has to be looked after. */
static int
lease_wait_ms(const advl_lease *lease)
{
	int64_t		over_at = lease->releasing ? lease->give_up_at : lease->until - lease->stop_ms;

	return sooner(advl_remaining(over_at), lease->session == NULL ?
				  advl_remaining(lease->next_at) : advlock_wait_ms(lease->session));
}

int
advlock_wait_ms(const advlock *h)
{
	if (h == NULL)
		return -1;
	if (h->lease != NULL)
		return lease_wait_ms(h->lease);
	if (h->op.on_ready != NULL || h->op.on_timer != NULL)
		return advl_remaining(h->op.wake_at);
	if (h->op.on_results != NULL)
		return sooner(advl_remaining(h->op.answer_by), advl_probe_wait_ms(h));
	return -1;
}

/* Block until the operation that returned r is over. */
advlock_result
advl_wait(advlock *h, advlock_result r)
{
	while (r == ADVLOCK_WAITING)
	{
		struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

		/* An interrupted or failed wait costs a turn of the loop at most. */
		(void) poll(&p, 1, advlock_wait_ms(h));
		r = advlock_poll(h);
	}
	return r;
}
