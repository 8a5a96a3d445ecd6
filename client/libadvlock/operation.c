/*-------------------------------------------------------------------------
 *
 * operation.c
 *	  What all operations share: how they begin, how long they may take, and
 *	  how they end, with the session or without.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libadvlock/internal.h"
#include "libadvlock/probe.h"

/* How much longer than a lock's own timeout we wait for its answer. */
#define GRACE_MS 1000

/* A wait that keeps a snapshot is cut into pieces of this. */
#define SLICE_MS 1000

/* Is an operation under way? */
bool
advl_under_way(const advlock *h)
{
	return h->op.on_results != NULL || h->op.on_timer != NULL ||
		h->op.on_ready != NULL ||
		(h->lease != NULL && (h->lease->checking || h->lease->has_run || h->lease->releasing));
}

void
advl_clear_results(advlock *h)
{
	while (h->op.nresults > 0)
	{
		PQclear(h->op.results[--h->op.nresults]);
		h->op.results[h->op.nresults] = NULL;
	}
}

/* Forget the operation; called when it is over, however it ended. */
void
advl_end(advlock *h)
{
	advl_operation *op = &h->op;

	advl_probe_end(h);
	advl_clear_results(h);
	advl_locks_free(&op->wanted);
	advl_locks_free(&op->taken);
	advl_locks_free(&op->permit);
	advl_text_free(&op->names);
	advl_arrays_free(&op->arrays);
	free(op->lease);			/* one asked for has nothing of its own yet */
	memset(op, 0, sizeof(*op));
	op->answer_by = NEVER;
	op->deadline = NEVER;
}

/* === Time === */

/* Go on with on_timer after so many ms. */
advlock_result
advl_sleep(advlock *h, int ms, advl_handler on_timer)
{
	h->op.wake_at = advl_deadline(ms);
	h->op.on_timer = on_timer;
	return ADVLOCK_WAITING;
}

/*
 * Go on with on_ready when the descriptor is ready for the events, or the
 * deadline has passed.
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

/*
 * How long to wait for the server's answer to an attempt: for ever if the
 * lock is waited for so, or a pooler has no session for us yet.
 */
int
advl_attempt_ms(const advlock *h)
{
	return advl_longer(advl_remaining(h->op.deadline), GRACE_MS);
}

/* How long a slice of the wait may be; 0: do not wait at all. */
int
advl_slice_ms(const advlock *h)
{
	int			left = advl_remaining(h->op.deadline);

	return left < 0 || left > SLICE_MS ? SLICE_MS : left;
}

/* === The end of the session === */

/*
 * Nobody will take what the server is about to grant.  If it does so before
 * it notices that we have gone, it must not keep others off on our behalf.
 * Who holds a lock keeps the delay: its work may still be ending.
 */
static void
take_back_delay(advlock *h)
{
	static const char no_delay[] =
	"SELECT pg_catalog.set_config('advisory_lock.lock_delay', '0', false)";

	if (!h->delay || h->held != NULL || PQstatus(h->conn) != CONNECTION_OK)
		return;
	if (PQsendQueryParams(h->conn, no_delay, 0, NULL, NULL, NULL, NULL, 0) &&
		(PQpipelineStatus(h->conn) == PQ_PIPELINE_OFF || PQpipelineSync(h->conn)))
		(void) PQflush(h->conn);
}

/*
 * Make an attached connection unusable, so that the server ends the session.
 * libpq learns it at once; PQreset() also ends its pipeline mode.
 */
static void
break_connection(PGconn *conn)
{
	int			fd = PQsocket(conn);

	if (fd >= 0)
		(void) shutdown(fd, SHUT_RDWR);
	while (PQconsumeInput(conn) && PQstatus(conn) == CONNECTION_OK)
		;
}

/*
 * End the session although the server may still be about to do something in
 * it.  A server that only seems dead must learn that we gave up, or it grants
 * a lock that nobody knows of.
 */
void
advl_abandon(advlock *h)
{
	if (h->own_conn)
	{
		take_back_delay(h);
		PQfinish(h->conn);
		h->conn = NULL;
	}
	else if (h->conn != NULL)
		break_connection(h->conn);
}

/* The session is gone, and with it every lock and the operation under way. */
static advlock_result
end_session(advlock *h)
{
	h->status = h->ready ? ADVLOCK_LOST : ADVLOCK_CONNECTION;
	advl_end(h);
	advl_locks_free(&h->held);
	return h->status;
}

/* The last words of the server among the answers, if there are any. */
static const PGresult *
fatal_result(const advlock *h)
{
	for (int i = 0; i < h->op.nresults; i++)
	{
		if (strcmp(advl_severity(h->op.results[i]), "FATAL") == 0)
			return h->op.results[i];
	}
	return NULL;
}

/* The connection failed.  Keeps the best reason there is. */
advlock_result
advl_lose(advlock *h)
{
	const PGresult *last_words = fatal_result(h);

	if (last_words != NULL)
		advl_set_server_error(h, last_words);
	else if (h->status == ADVLOCK_OK)
	{
		(void) advl_fail(h, ADVLOCK_LOST, "%s", PQerrorMessage(h->conn));
		h->may_pass = true;
	}
	advl_abandon(h);
	return end_session(h);
}

/* We give the session up ourselves. */
advlock_result
advl_lose_because(advlock *h, const char *reason)
{
	(void) advl_fail(h, ADVLOCK_LOST, "%s", reason);
	advl_abandon(h);
	return end_session(h);
}

/* It is not the session that held our locks; what it is now is not ours. */
advlock_result
advl_lost_already(advlock *h, const char *reason)
{
	if (h->own_conn)
		return advl_lose_because(h, reason);
	(void) advl_fail(h, ADVLOCK_LOST, "%s", reason);
	return end_session(h);
}

/*
 * Keep the server's words and tell what they mean to the caller.  An answer
 * without SQLSTATE is libpq's own, such as being out of memory: what the
 * server did is unknown then, and the session is given up.
 */
advlock_result
advl_server_error(advlock *h, const PGresult *res)
{
	advl_set_server_error(h, res);
	if (h->sqlstate[0] != '\0')
		return advl_meaning(h->sqlstate);
	advl_abandon(h);
	return end_session(h);
}

/*
 * The extension was created, or dropped, since the way was chosen: core's
 * functions know nothing of the delays that the extension keeps, and without
 * it there is nothing to call.  The operation fails and gives back what it
 * took as it was taken; the next one goes the other way, unless there is
 * something that was taken this way.
 */
advlock_result
advl_wrong_way(advlock *h)
{
	(void) advl_fail(h, ADVLOCK_SERVER, h->way->extension ?
					 "the extension advisory_lock is not there any more" :
					 "the extension advisory_lock has just been created");
	h->other_way = h->may_pass = h->held == NULL;
	return ADVLOCK_SERVER;
}

/* What is asked for is not to be had by keys alone. */
advlock_result
advl_lack_extension(advlock *h, const char *what)
{
	return advl_fail(h, ADVLOCK_SERVER,
					 "%s the extension advisory_lock, which this database does not have\n"
					 "HINT:  Install it, and run CREATE EXTENSION advisory_lock.", what);
}

/* === The beginning === */

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
	if (h->lease == NULL && session_changed(h))
		return advl_lost_already(h, "the connection is not the one that was opened");
	if (h->lease == NULL && (PQtransactionStatus(h->conn) == PQTRANS_ACTIVE ||
							 PQpipelineStatus(h->conn) != PQ_PIPELINE_OFF))
		return advl_fail(h, ADVLOCK_INVALID,
						 "the connection is busy with another query");
	advl_clear_error(h);
	return ADVLOCK_OK;
}

/*
 * The start of an operation has come to r; where that is the end of it, too,
 * forget it.
 */
advlock_result
advl_started(advlock *h, advlock_result r)
{
	if (r != ADVLOCK_WAITING && h != NULL && !advl_under_way(h))
		advl_end(h);
	return r;
}
