/*-------------------------------------------------------------------------
 *
 * close.c
 *	  Close a handle, giving back what it holds.
 *
 * Whatever is going on in the session, nothing of ours is left in it: the
 * server confirms within a second that the locks are released, or the session
 * ends.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>

#include "libadvlock/hosts.h"
#include "libadvlock/internal.h"

/* Let an operation of ours end, a wait by canceling it. */
static bool
finish_operation(advlock *h, int64_t deadline)
{
	if (h->own_conn && !h->ready)
		return false;
	if (h->op.wanted != NULL || h->op.permit != NULL)
	{
		/* A wait in slices might not be in one just now. */
		h->op.deadline = h->op.wake_at = now_ms();
		if (!advl_cancel(h->conn, deadline))
			return false;
	}
	h->op.answer_by = deadline;
	(void) advl_wait(h, ADVLOCK_WAITING);
	return h->status == ADVLOCK_OK;
}

/* Wait until the caller's query brings something. */
static bool
await_input(PGconn *conn, int64_t deadline)
{
	struct pollfd p = {.fd = PQsocket(conn),.events = POLLIN};

	if (PQflush(conn) == 1)
		p.events |= POLLOUT;
	return poll(&p, 1, advl_remaining(deadline)) > 0 && PQconsumeInput(conn);
}

/* Is the connection idle again, all results taken? */
static bool
is_idle(PGconn *conn)
{
	return PQpipelineStatus(conn) == PQ_PIPELINE_OFF ?
		PQtransactionStatus(conn) != PQTRANS_ACTIVE : PQexitPipelineMode(conn);
}

/* Take what is left of the caller's queries; a COPY is not ended for it. */
static bool
drain(PGconn *conn, int64_t deadline)
{
	while (PQstatus(conn) == CONNECTION_OK && advl_remaining(deadline) > 0)
	{
		PGresult   *res;
		ExecStatusType status;

		if (PQisBusy(conn))
		{
			if (!await_input(conn, deadline))
				return false;
			continue;
		}
		res = PQgetResult(conn);
		status = PQresultStatus(res);
		PQclear(res);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
			return false;
		if (res == NULL && is_idle(conn))
			return true;
	}
	return false;
}

/* Get the connection free of the caller's own queries. */
static bool
finish_queries(PGconn *conn, int64_t deadline)
{
	if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && !PQpipelineSync(conn))
		return false;
	return (PQpipelineStatus(conn) == PQ_PIPELINE_OFF &&
			PQtransactionStatus(conn) != PQTRANS_ACTIVE) || drain(conn, deadline);
}

static advlock_result
rolled_back(advlock *h)
{
	if (!advl_done(h->op.results[0]))
		return advl_server_error(h, h->op.results[0]);
	if (h->options.transaction)
		advl_locks_free(&h->held);
	return ADVLOCK_OK;
}

/* Nothing can be done in a transaction that has failed. */
static bool
end_failed_transaction(advlock *h, int64_t deadline)
{
	advl_statement rollback = {.sql = "ROLLBACK"};

	if (PQtransactionStatus(h->conn) != PQTRANS_INERROR)
		return true;
	return advl_wait(h, advl_send(h, &rollback, 1, rolled_back,
								  advl_remaining(deadline))) == ADVLOCK_OK;
}

/* Get the session ready to give back what it holds. */
static bool
free_session(advlock *h, int64_t deadline)
{
	return finish_queries(h->conn, deadline) && advl_begin(h) == ADVLOCK_OK &&
		end_failed_transaction(h, deadline);
}

/* Give everything back; true when the server has confirmed that. */
static bool
release_all(advlock *h, int64_t deadline)
{
	if (advl_under_way(h) && !finish_operation(h, deadline))
		return false;
	if (h->held == NULL)
		return true;
	if (h->lease == NULL && !free_session(h, deadline))
		return false;
	if (h->held != NULL)
		(void) advl_wait(h, h->way->release_all(h, advl_remaining(deadline)));
	return h->held == NULL;
}

void
advlock_close(advlock *h)
{
	if (h == NULL)
		return;
	if (!release_all(h, advl_deadline(ADVL_CLOSE_MS)) && h->status == ADVLOCK_OK)
		advl_abandon(h);
	advl_end(h);
	advl_lease_free(&h->lease);
	advl_hosts_free(h);
	advl_locks_free(&h->held);
	advl_text_free(&h->error);
	advl_text_free(&h->notices);
	advl_text_free(&h->notices_read);
	if (h->own_conn)
		PQfinish(h->conn);
	free((char *) h->options.conninfo);
	free((char *) h->options.application_name);
	free(h);
}

/* Close a handle that holds nothing, whatever it is about to do. */
void
advl_discard(advlock *h)
{
	if (h == NULL)
		return;
	advl_abandon(h);
	advl_end(h);
	advlock_close(h);
}

void
advl_lease_free(advl_lease **lease)
{
	if (*lease == NULL)
		return;
	advl_discard((*lease)->session);
	advl_text_free(&(*lease)->trouble);
	free(*lease);
	*lease = NULL;
}
