/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Take locks: check and keep what the caller asks for.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/name.h"
#include "libadvlock/internal.h"

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
check_lease(advlock *h, const advlock_options *o, bool many)
{
	if (o->lease_ms < ADVLOCK_MIN_LEASE_MS || o->lease_ms > ADVLOCK_MAX_LEASE_MS)
		return advl_fail(h, ADVLOCK_INVALID, "lease must last %d to %d ms: %d ms",
						 ADVLOCK_MIN_LEASE_MS, ADVLOCK_MAX_LEASE_MS, o->lease_ms);
	if (o->stop_ms < 0 || o->stop_ms > o->lease_ms / 2)
		return advl_fail(h, ADVLOCK_INVALID, "time to stop must be 0 to half of the lease: %d ms", o->stop_ms);
	if (o->at_least_ms < 0 || o->at_least_ms > ADVLOCK_MAX_LEASE_MS)
		return advl_fail(h, ADVLOCK_INVALID, "time to keep others off must be 0 to %d ms: %d ms",
						 ADVLOCK_MAX_LEASE_MS, o->at_least_ms);
	if (many || o->permits > 0 || o->shared)
		return advl_fail(h, ADVLOCK_INVALID, "a lease is of one lock and exclusive");
	if (!h->own_conn || h->held != NULL)
		return advl_fail(h, ADVLOCK_INVALID, "a lease needs a handle of its own");
	return ADVLOCK_OK;
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
	if (o->lease_ms != 0)
		return check_lease(h, o, many);
	if (o->stop_ms != 0 || o->at_least_ms != 0 || o->lease_ticket != 0)
		return advl_fail(h, ADVLOCK_INVALID, "stop_ms, at_least_ms and lease_ticket are for leases");
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

/* Refuse what the server would refuse, or would take for another name. */
static advlock_result
check_name(advlock *h, const char *name)
{
	int64_t		key;
	const char *defect = advl_lock_defect(name);
	const char *ours = PQparameterStatus(h->conn, "client_encoding");
	const char *theirs = PQparameterStatus(h->conn, "server_encoding");

	if (defect != NULL)
		return advl_fail(h, ADVLOCK_INVALID, "%s", defect);
	if (advl_kind_of(name, &key) != ADVL_BY_NAME)
		return h->op.options.permits == 0 ? ADVLOCK_OK :
			advl_fail(h, ADVLOCK_INVALID, "permits are those of a name, not of a key");
	if (advl_is_ascii(name))
		return ADVLOCK_OK;
	if (ours == NULL || strcmp(ours, "UTF8") != 0)
		return advl_fail(h, ADVLOCK_INVALID,
						 "client_encoding of the connection must be UTF8, it is \"%s\"",
						 ours == NULL ? "" : ours);
	if (theirs != NULL && strcmp(theirs, "SQL_ASCII") == 0)
		return advl_fail(h, ADVLOCK_INVALID,
						 "lock name must be ASCII in a database with the encoding SQL_ASCII");
	return ADVLOCK_OK;
}

/* Keep the names, each once, in the caller's order. */
static advlock_result
keep_names(advlock *h, const char *const *names, size_t count)
{
	advl_lock **tail = &h->op.wanted;

	for (size_t i = 0; i < count; i++)
	{
		advlock_result r = check_name(h, names[i]);

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
	advl_text_close_array(&h->op.names);
	return h->op.names.broken ? advl_no_memory(h) : ADVLOCK_OK;
}

/* Check and keep the arguments. */
static advlock_result
prepare(advlock *h, const char *const *names, size_t count,
		const advlock_options *o, bool many)
{
	advlock_result r = advl_begin(h);

	if (r != ADVLOCK_OK)
		return r;
	if (h->lease != NULL)
		return advl_fail(h, ADVLOCK_INVALID, "a handle that holds a lease takes no other lock");
	advl_find_way(h);
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
		r = h->op.options.lease_ms != 0 ? advl_take_lease(h) : h->way->start_lock(h);
	return advl_started(h, r);
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
