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

/* Is an operation under way? */
bool
advl_under_way(const advlock *h)
{
	return h->op.on_results != NULL || h->op.on_timer != NULL ||
		h->op.on_ready != NULL;
}

/* Did the caller give an attached connection another session, or close it? */
static bool
session_changed(const advlock *h)
{
	return PQstatus(h->conn) != CONNECTION_OK ||
		PQbackendPID(h->conn) != h->client_pid;
}

/*
 * Begin an operation: ADVLOCK_OK if the handle and its connection are free
 * for one.
 */
advlock_result
advl_begin(advlock *h)
{
	if (h == NULL)
		return ADVLOCK_INVALID;
	if (advl_under_way(h))
		return advl_fail(h, ADVLOCK_INVALID, "another operation is under way");
	if (h->status != ADVLOCK_OK)
		return h->status;
	if (session_changed(h))
		return advl_lose_because(h, "the connection is not the one that was opened");
	if (PQtransactionStatus(h->conn) == PQTRANS_ACTIVE ||
		PQpipelineStatus(h->conn) != PQ_PIPELINE_OFF)
		return advl_fail(h, ADVLOCK_INVALID,
						 "the connection is busy with another query");
	advl_clear_error(h);
	return ADVLOCK_OK;
}

/* Forget the operation; called when it is over, however it ended. */
void
advl_end(advlock *h)
{
	advl_operation *op = &h->op;

	advl_clear_results(h);
	advl_locks_free(&op->wanted);
	advl_locks_free(&op->taken);
	advl_locks_free(&op->permit);
	advl_text_free(&op->names);
	memset(op, 0, sizeof(*op));
	op->answer_by = -1;
	op->deadline = -1;
}

/* Go on with on_timer after so many ms. */
advlock_result
advl_sleep(advlock *h, int ms, advl_handler on_timer)
{
	h->op.wake_at = advl_now() + ms;
	h->op.on_timer = on_timer;
	return ADVLOCK_WAITING;
}

/*
 * Go on with on_ready when the descriptor is ready for the events, or the
 * deadline (-1: none) has passed.
 */
advlock_result
advl_wait_fd(advlock *h, int fd, int events, int64_t deadline, advl_handler on_ready)
{
	h->op.fd = fd;
	h->op.fd_events = events;
	h->op.wake_at = deadline;
	h->op.on_ready = on_ready;
	return ADVLOCK_WAITING;
}

/* Is the descriptor ready for one of the events, or broken? */
bool
advl_is_ready(int fd, int events)
{
	struct pollfd p = {.fd = fd,.events = events};

	return poll(&p, 1, 0) > 0;
}

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
	if (h == NULL)
		return -1;
	return h->op.on_ready != NULL ? h->op.fd : PQsocket(h->conn);
}

int
advlock_events(const advlock *h)
{
	if (advlock_socket(h) < 0)
		return 0;
	if (h->op.on_ready != NULL)
		return h->op.fd_events;
	if (h->op.on_results != NULL && PQflush(h->conn) == 1)
		return POLLIN | POLLOUT;
	return POLLIN;
}

int
advlock_wait_ms(const advlock *h)
{
	if (h == NULL)
		return -1;
	if (h->op.on_ready != NULL || h->op.on_timer != NULL)
		return advl_remaining(h->op.wake_at);
	if (h->op.on_results != NULL)
		return advl_remaining(h->op.answer_by);
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
