/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Take locks; here through the extension's procedures.
 *
 * They are called at top level, where they wait without a snapshot.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"

static const char delay_sql[] =
"SELECT pg_catalog.set_config('advisory_lock.lock_delay', $1::pg_catalog.text, false)";

static const char acquire_sql[] =
"CALL advisory_lock.acquire($1::pg_catalog.text, $2::pg_catalog.interval,"
" $3::pg_catalog.bool, $4::pg_catalog.int4)";

static const char acquire_many_sql[] =
"CALL advisory_lock.acquire_many($1::pg_catalog.text[], $2::pg_catalog.interval)";

void
advlock_options_init(advlock_options *o)
{
	if (o == NULL)
		return;
	memset(o, 0, sizeof(*o));
	o->timeout_ms = -1;
	o->lock_delay_ms = -1;
}

static advlock_result
check_options(advlock *h, const advlock_options *o, bool many)
{
	if (o->timeout_ms < -1)
		return advl_fail(h, ADVLOCK_INVALID, "timeout must not be negative: %d ms",
						 o->timeout_ms);
	if (o->permits < 0)
		return advl_fail(h, ADVLOCK_INVALID, "number of permits must be positive: %d",
						 o->permits);
	if (o->lock_delay_ms < -1 || o->lock_delay_ms > ADVLOCK_MAX_LOCK_DELAY_MS)
		return advl_fail(h, ADVLOCK_INVALID, "lock delay must be 0 to %d ms: %d ms",
						 ADVLOCK_MAX_LOCK_DELAY_MS, o->lock_delay_ms);
	if (o->permits > 0 && o->shared)
		return advl_fail(h, ADVLOCK_INVALID, "a permit cannot be shared");
	if (many && (o->permits > 0 || o->shared))
		return advl_fail(h, ADVLOCK_INVALID,
						 "several locks can only be taken in exclusive mode");
	if (h->options.transaction && (many || o->permits > 0))
		return advl_fail(h, ADVLOCK_INVALID,
						 "several locks and permits cannot be taken in transaction mode");
	return ADVLOCK_OK;
}

/* A session-level lock is not for a transaction that may wait for others. */
static advlock_result
check_transaction(advlock *h)
{
	if (h->options.transaction || PQtransactionStatus(h->conn) == PQTRANS_IDLE)
		return ADVLOCK_OK;
	return advl_fail(h, ADVLOCK_INVALID,
					 "cannot take a lock while the connection is inside a transaction");
}

/* Keep the names, each once, in the caller's order. */
static advlock_result
keep_names(advlock *h, const char *const *names, size_t count)
{
	advl_lock **tail = &h->op.wanted;

	for (size_t i = 0; i < count; i++)
	{
		advlock_result r = advl_check_name(h, names[i]);

		if (r != ADVLOCK_OK)
			return r;
		if (advl_find(h->op.wanted, names[i]) != NULL)
			continue;
		*tail = advl_lock_new(names[i], h->op.options.shared != 0);
		if (*tail == NULL)
			return advl_no_memory(h);
		tail = &(*tail)->next;
		advl_text_append_element(&h->op.names, names[i]);
	}
	advl_text_append(&h->op.names, "}");
	return h->op.names.broken ? advl_no_memory(h) : ADVLOCK_OK;
}

/* What is left until a deadline, as an interval; NULL: no limit. */
static const char *
timeout_text(advl_number buf, int64_t deadline)
{
	if (deadline < 0)
		return NULL;
	snprintf(buf, sizeof(advl_number), "%d milliseconds", advl_remaining(deadline));
	return buf;
}

/* The row of acquire(): token and permit; a NULL token says too late. */
static advlock_result
acquired(advlock *h)
{
	const PGresult *row = h->op.results[h->op.nresults - 1];

	if (!advl_rows(row))
		return advl_server_error(h, row);
	if (PQgetisnull(row, 0, 0))
		return advl_busy(h, h->op.wanted);
	h->op.wanted->token = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
	if (h->op.options.permits > 0)
		h->op.wanted->permit = atoi(PQgetvalue(row, 0, 1));
	return advl_hold_all(h, &h->op.wanted);
}

/* The row of acquire_many(): the tokens in our order, as text. */
static advlock_result
acquired_many(advlock *h)
{
	const PGresult *row = h->op.results[h->op.nresults - 1];
	char	   *token;

	if (!advl_rows(row))
		return advl_server_error(h, row);
	if (PQgetisnull(row, 0, 0))
		return advl_fail(h, ADVLOCK_BUSY, "the locks are held by other sessions");
	token = PQgetvalue(row, 0, 0) + 1;
	for (advl_lock *lock = h->op.wanted; lock != NULL; lock = lock->next)
	{
		lock->token = strtoll(token, &token, 10);
		token++;
	}
	return advl_hold_all(h, &h->op.wanted);
}

/*
 * How long to wait for the server's answer to an attempt: for ever if the
 * lock is waited for so, or a pooler has no session for us yet.
 */
int
advl_attempt_ms(const advlock *h)
{
	return advl_longer(advl_remaining(h->op.deadline), ADVL_GRACE_MS);
}

static advlock_result
start_extension(advlock *h, bool many)
{
	advlock_options *o = &h->op.options;
	advl_statement statements[2];
	advl_number delay,
				timeout,
				permits;
	int			n = 0;

	snprintf(delay, sizeof(delay), "%d", o->lock_delay_ms);
	snprintf(permits, sizeof(permits), "%d", o->permits);
	if (o->lock_delay_ms >= 0)
		statements[n++] = (advl_statement) {delay_sql, 1, {delay}, true};
	if (many)
		statements[n++] = (advl_statement) {acquire_many_sql, 2,
			{h->op.names.data, timeout_text(timeout, h->op.deadline)}, true};
	else
		statements[n++] = (advl_statement) {acquire_sql, 4,
			{h->op.wanted->name, timeout_text(timeout, h->op.deadline),
				o->shared ? "true" : "false", o->permits > 0 ? permits : NULL}, true};
	return advl_send(h, statements, n, many ? acquired_many : acquired,
					advl_attempt_ms(h));
}

/* Check and keep the arguments. */
static advlock_result
prepare(advlock *h, const char *const *names, size_t count,
		const advlock_options *o, bool many)
{
	advlock_result r = advl_begin(h);

	if (r != ADVLOCK_OK)
		return r;
	if (o == NULL)
		advlock_options_init(&h->op.options);
	else
		h->op.options = *o;
	h->op.deadline = advl_deadline(h->op.options.timeout_ms);
	if ((r = check_options(h, &h->op.options, many)) != ADVLOCK_OK)
		return r;
	if ((r = check_transaction(h)) != ADVLOCK_OK)
		return r;
	return keep_names(h, names, count);
}

static advlock_result
start(advlock *h, const char *const *names, size_t count,
	  const advlock_options *o, bool many)
{
	advlock_result r = prepare(h, names, count, o, many);

	if (r == ADVLOCK_OK)
	{
		if (h->options.transaction)
			r = advl_start_transaction(h);
		else if (h->has_extension)
			r = start_extension(h, many);
		else
			r = advl_start_fallback(h);
	}
	if (r != ADVLOCK_WAITING && h != NULL && !advl_under_way(h))
		advl_end(h);
	return r;
}

advlock_result
advlock_start_lock(advlock *h, const char *name, const advlock_options *o)
{
	return start(h, &name, 1, o, false);
}

advlock_result
advlock_start_lock_many(advlock *h, const char *const *names, size_t count,
						const advlock_options *o)
{
	if (h != NULL && !advl_under_way(h) && h->status == ADVLOCK_OK &&
		(names == NULL || count == 0))
		return advl_fail(h, ADVLOCK_INVALID, "no lock name was given");
	return start(h, names, count, o, true);
}
