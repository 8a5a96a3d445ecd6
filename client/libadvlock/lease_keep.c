/*-------------------------------------------------------------------------
 *
 * lease_keep.c
 *	  Keep a lease that was taken, and give it back.
 *
 * Between renewals there is no connection.  Each is an exchange in a session
 * of its own, for which all hosts are tried, again and again as long as the
 * lease lasts.  How long that is says our own clock, which began before the
 * request was sent: so the caller stops before the server lets others in,
 * whatever becomes of the network meanwhile.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/* So many renewals in the time that a lease is good for. */
#define RENEWALS 3

/* Between attempts of one, growing. */
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 2000

/* How long to try to give it back; it is over by itself in the end. */
#define GIVE_BACK_MS 10000

#define MORE_ARGUMENTS ", CAST($2 AS pg_catalog.int8), CAST($3 AS pg_catalog.interval)"
#define RENEW(lock) \
	"SELECT " ADVL_CALL("advisory_lock.renew_lease(" lock MORE_ARGUMENTS ") IS NOT NULL", "bool")
#define RELEASE(lock) \
	"SELECT " ADVL_CALL("advisory_lock.release_lease(" lock MORE_ARGUMENTS ")", "bool")

static const char *const renew_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(RENEW);
static const char *const release_sql[ADVL_KINDS] = ADVL_EACH_ARGUMENT(RELEASE);

/* === The end === */

/* It is not ours any more; whatever the outcome, the handle has no session. */
static advlock_result
end_lease(advlock *h, advlock_result status, advlock_result outcome)
{
	advl_lease_free(&h->lease);
	advl_locks_free(&h->held);
	h->status = status;
	return outcome;
}

static advlock_result
lose(advlock *h)
{
	const char *trouble = advl_text_str(&h->lease->trouble);
	bool		none = trouble == NULL || *trouble == '\0';

	/* such as a pooler that has no connection to the server for us */
	if (none && h->lease->session != NULL)
		(void) advl_fail(h, ADVLOCK_LOST, "the lease is over, it could not be renewed: no answer in time");
	else if (none)
		(void) advl_fail(h, ADVLOCK_LOST, "the lease is over");
	else
		(void) advl_fail(h, ADVLOCK_LOST, "the lease is over, it could not be renewed: %s", trouble);
	h->may_pass = true;
	return end_lease(h, ADVLOCK_LOST, ADVLOCK_LOST);
}

/* The server says so. */
static advlock_result
taken_away(advlock *h)
{
	bool		releasing = h->lease->releasing;

	(void) advl_fail(h, ADVLOCK_LOST, "the lease was ended, or taken by another when it was over");
	return end_lease(h, releasing ? ADVLOCK_CONNECTION : ADVLOCK_LOST,
					 releasing ? ADVLOCK_NOT_HELD : ADVLOCK_LOST);
}

/* === One exchange === */

/* Held all along, and for who asked for something there is no result yet. */
static advlock_result
outcome(const advl_lease *lease)
{
	return lease->releasing || lease->checking || lease->has_run ? ADVLOCK_WAITING : ADVLOCK_OK;
}

/* Did the server say yes?  No means that it is not our lease. */
static advlock_result
answered(advlock *session)
{
	const PGresult *row = session->op.results[0];

	if (!advl_rows(row))
		return advl_server_error(session, row);
	return advl_is_true(row, 0) ? ADVLOCK_OK : ADVLOCK_NOT_HELD;
}

/* How long it may take, so that there is time for another. */
static int
exchange_ms(const advl_lease *lease)
{
	int			left = advl_remaining(lease->until) / 2;

	return left < ADVL_ANSWER_MS ? left : ADVL_ANSWER_MS;
}

/* Renew the lease, or release it. */
static advlock_result
send_change(const advlock *h, advlock *session)
{
	const advl_lease *lease = h->lease;
	const advl_lock *lock = h->held;
	advl_number token,
				duration;
	bool		release = lease->releasing;
	const char *sql = (release ? release_sql : renew_sql)[lock->kind];
	advl_statement statement = {sql, 3,
	{advl_parameter(lock), token, release && lease->at_least_ms == 0 ? NULL : duration}, true};

	snprintf(token, sizeof(token), "%lld", (long long) lock->token);
	snprintf(duration, sizeof(duration), "%d milliseconds",
			 release ? lease->at_least_ms : lease->duration_ms);
	return advl_send(session, &statement, 1, answered, exchange_ms(lease));
}

static advlock_result
send_request(const advlock *h, advlock *session)
{
	advl_lease *lease = h->lease;
	advlock_result r = advl_begin(session);

	if (r != ADVLOCK_OK)
		return r;
	lease->asked_at = now_ms();
	if (lease->releasing)
		lease->asked = ASKED_RELEASE;
	else
		lease->asked = lease->has_run ? ASKED_RUN : ASKED_RENEWAL;
	return advl_started(session, lease->asked == ASKED_RUN ?
						advl_send_run(session, h->held, &lease->run, exchange_ms(lease)) :
						send_change(h, session));
}

static void
end_exchange(advl_lease *lease)
{
	advl_discard(lease->session);
	lease->session = NULL;
	lease->asked = ASKED_NOTHING;
}

static advlock_result
renewed(advlock *h)
{
	advl_lease *lease = h->lease;

	lease->until = lease->asked_at + lease->duration_ms;
	lease->next_at = lease->asked_at + (lease->duration_ms - lease->stop_ms) / RENEWALS;
	lease->attempts = 0;
	lease->checking = false;
	advl_text_reset(&lease->trouble);
	return ADVLOCK_OK;
}

/* Keep the reason, and try again soon.  The caller may want to know at once. */
static advlock_result
failed(advlock *h, const advlock *session)
{
	advl_lease *lease = h->lease;
	int			pause = RETRY_FIRST_MS << (lease->attempts < 5 ? lease->attempts : 5);
	bool		checking = lease->checking;

	advl_text_reset(&lease->trouble);
	advl_text_append(&lease->trouble, advlock_error(session));
	lease->attempts++;
	lease->next_at = now_ms() + (pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS);
	lease->checking = false;
	return checking ? advl_fail(h, ADVLOCK_SERVER, "%s", advlock_error(session)) : ADVLOCK_OK;
}

/* What the server says about a run is for the caller. */
static advlock_result
answer_run(advlock *h, advlock_result r)
{
	advl_lease *lease = h->lease;

	h->run_began = lease->session->run_began;
	if (r != ADVLOCK_OK)
	{
		(void) advl_fail(h, r, "%s", advlock_error(lease->session));
		snprintf(h->sqlstate, sizeof(h->sqlstate), "%s", advlock_sqlstate(lease->session));
	}
	lease->has_run = false;
	end_exchange(lease);
	return lease->releasing ? ADVLOCK_WAITING : r;
}

/* What the server was asked has been done, or is not to be had. */
static advlock_result
answer(advlock *h, advlock_result r, advl_asked asked)
{
	advl_lease *lease = h->lease;

	lease->next_host = lease->session->host;
	end_exchange(lease);
	/* of a release whose answer did not arrive, the second one says no */
	if (r == ADVLOCK_NOT_HELD && !lease->may_be_released)
		return taken_away(h);
	if (asked == ASKED_RELEASE)
		return end_lease(h, ADVLOCK_CONNECTION, ADVLOCK_OK);
	(void) renewed(h);
	/* a renewal that was under way is no answer to what was asked since */
	if (outcome(lease) == ADVLOCK_WAITING)
		lease->next_at = now_ms();
	return outcome(lease);
}

/* The session has come to a result. */
static advlock_result
go_on(advlock *h, advlock_result r)
{
	advl_lease *lease = h->lease;
	advl_asked	asked = lease->asked;

	if (r == ADVLOCK_OK && asked == ASKED_NOTHING)
		r = send_request(h, lease->session);
	if (r == ADVLOCK_WAITING)
		return outcome(lease);
	if (asked == ASKED_RUN && advlock_status(lease->session) == ADVLOCK_OK && !lease->session->may_pass)
		return answer_run(h, r);
	if (asked != ASKED_NOTHING && (r == ADVLOCK_OK || r == ADVLOCK_NOT_HELD))
		return answer(h, r, asked);
	lease->next_host = lease->session->next_host;
	lease->may_be_released = lease->may_be_released || asked == ASKED_RELEASE;
	r = failed(h, lease->session);
	end_exchange(lease);
	return outcome(lease) == ADVLOCK_WAITING ? ADVLOCK_WAITING : r;
}

static advlock_result
begin_exchange(advlock *h)
{
	advlock_open_options o = h->options;
	advl_lease *lease = h->lease;

	/* a session of a moment, which is left as it is */
	o.transaction = 1;
	o.first_host = lease->next_host;
	o.timeout_ms = exchange_ms(lease);
	lease->session = advlock_start_open(&o);
	if (lease->session == NULL)
	{
		lease->next_at = now_ms() + RETRY_FIRST_MS;
		return outcome(lease);
	}
	return go_on(h, advlock_status(lease->session));
}

/* === The lease === */

/* When the caller must begin to stop, or giving it back is no use any more. */
static int64_t
over_at(const advl_lease *lease)
{
	return lease->releasing ? lease->give_up_at : lease->until - lease->stop_ms;
}

static advlock_result
not_given_back(advlock *h)
{
	(void) advl_fail(h, ADVLOCK_CONNECTION, "the lease could not be given back, it ends by itself: %s",
					 advl_text_str(&h->lease->trouble));
	return end_lease(h, ADVLOCK_CONNECTION, ADVLOCK_CONNECTION);
}

static advlock_result
poll_lease(advlock *h)
{
	advl_lease *lease = h->lease;

	if (advl_remaining(over_at(lease)) == 0)
		return lease->releasing ? not_given_back(h) : lose(h);
	if (lease->session != NULL)
		return go_on(h, advlock_poll(lease->session));
	if (advl_remaining(lease->next_at) == 0)
		return begin_exchange(h);
	return outcome(lease);
}

/* Have the next exchange now, when none is under way. */
static advlock_result
ask_now(advlock *h)
{
	h->lease->next_at = now_ms();
	return poll_lease(h);
}

/* What was asked before may have been answered before, too. */
static advlock_result
check_lease(advlock *h)
{
	if (h->lease->asked == ASKED_RENEWAL)
		end_exchange(h->lease);
	h->lease->checking = true;
	return ask_now(h);
}

static advlock_result
run_under_lease(advlock *h, const advl_lock *lock, const advl_run *run)
{
	(void) lock;				/* there is no other */
	h->lease->has_run = true;
	h->lease->run = *run;
	return ask_now(h);
}

static advlock_result
release_within(advlock *h, int ms)
{
	int64_t		give_up_at = advl_deadline(ms);

	h->lease->releasing = true;
	h->lease->give_up_at = give_up_at < h->lease->until ? give_up_at : h->lease->until;
	return ask_now(h);
}

static advlock_result
release_lease(advlock *h, advl_lock *lock)
{
	(void) lock;				/* a handle with a lease holds nothing else */
	return release_within(h, GIVE_BACK_MS);
}

static const advl_way by_lease = {
	.extension = true,
	.poll = poll_lease,
	.start_unlock = release_lease,
	.start_check = check_lease,
	.start_run = run_under_lease,
	.release_all = release_within
};

/*
 * The server has said that op.wanted is ours by op.lease.  The session is not
 * needed any more, and a pooler has the connection for others.
 */
advlock_result
advl_keep_lease(advlock *h)
{
	h->lease = h->op.lease;
	h->op.lease = NULL;
	h->lease->next_host = h->host;
	h->way = &by_lease;
	(void) advl_hold_all(h, &h->op.wanted);
	PQfinish(h->conn);
	h->conn = NULL;
	h->pid = h->client_pid = 0;
	return renewed(h);
}

int
advlock_lease_left_ms(const advlock *h)
{
	return h == NULL || h->lease == NULL ? 0 : advl_remaining(h->lease->until);
}
