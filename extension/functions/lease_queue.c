/*-------------------------------------------------------------------------
 *
 * lease_queue.c
 *	  Asking for a lease in turn, without a session.
 *
 * Who waits for a lease inside of the server needs a session while it waits,
 * and a pooler in transaction mode has few of them.  So it may ask instead,
 * again and again, each time in a transaction of a moment.  The order in which
 * they came is kept in a table: a ticket is a number that only rises, and who
 * has the lowest of those that still ask has its turn.
 *
 * Sessions that wait in the server's own queue go first.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/owner.h"
#include "functions/arguments.h"
#include "functions/lease.h"
#include "functions/row.h"
#include "functions/visible.h"
#include "locking/lease.h"
#include "tokens/token.h"

/* Who does not ask for so long has gone; who comes back has its place again */
#define PATIENCE (10 * USECS_PER_SEC)

#define OF_THIS_KEY \
	" q.key1 OPERATOR(pg_catalog.=) $1 AND q.key2 OPERATOR(pg_catalog.=) $2" \
	" AND q.kind OPERATOR(pg_catalog.=) $3"

/* Nobody asks until then: the clock has been set back since. */
#define TOO_LATE \
	" (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) CAST('1 minute' AS pg_catalog.interval))"

/* Who asked until then has gone for good. */
#define LONG_AGO \
	" (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) CAST('1 hour' AS pg_catalog.interval))"

static OwnerQuery ahead_query = {
	.member = MEMBER_LEASE_QUEUE, .expected = SPI_OK_SELECT,
	.nargs = 4, .types = {INT4OID, INT4OID, INT4OID, INT8OID},
	.text =
	"SELECT pg_catalog.count(*) FROM advisory_lock.lease_queue AS q WHERE" OF_THIS_KEY
	" AND q.ticket OPERATOR(pg_catalog.<) $4"
	" AND q.asks_until OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()"
	" AND q.asks_until OPERATOR(pg_catalog.<)" TOO_LATE
};

static OwnerQuery known_query = {
	.member = MEMBER_LEASE_QUEUE, .expected = SPI_OK_SELECT,
	.nargs = 5, .types = {INT4OID, INT4OID, INT4OID, INT8OID, NAMEOID},
	.text =
	"SELECT pg_catalog.count(*) FROM advisory_lock.lease_queue AS q WHERE" OF_THIS_KEY
	" AND q.ticket OPERATOR(pg_catalog.=) $4 AND q.owner OPERATOR(pg_catalog.=) $5"
};

/* A row that says so long enough stays as it is. */
static OwnerQuery ask_query = {
	.member = MEMBER_LEASE_QUEUE, .expected = SPI_OK_INSERT,
	.nargs = 7,
	.types = {INT4OID, INT4OID, INT4OID, INT8OID, NAMEOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
	.text =
	"INSERT INTO advisory_lock.lease_queue AS q (key1, key2, kind, ticket, owner, asks_until)"
	" VALUES ($1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (key1, key2, kind, ticket) DO UPDATE SET asks_until = EXCLUDED.asks_until"
	" WHERE q.owner OPERATOR(pg_catalog.=) EXCLUDED.owner"
	" AND (q.asks_until OPERATOR(pg_catalog.<) $7 OR q.asks_until OPERATOR(pg_catalog.>) $6)"
};

/*
 * Ours, and those who have gone for good; but what one of them is changing, in
 * a transaction that may take long, is left to the next.
 */
static OwnerQuery served_query = {
	.member = MEMBER_LEASE_QUEUE, .expected = SPI_OK_DELETE,
	.nargs = 5, .types = {INT4OID, INT4OID, INT4OID, INT8OID, NAMEOID},
	.text =
	"DELETE FROM advisory_lock.lease_queue AS q WHERE" OF_THIS_KEY
	" AND ((q.ticket OPERATOR(pg_catalog.=) $4 AND q.owner OPERATOR(pg_catalog.=) $5)"
	" OR q.ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
	"SELECT q.ctid FROM advisory_lock.lease_queue AS q WHERE" OF_THIS_KEY
	" AND (q.asks_until OPERATOR(pg_catalog.<)" LONG_AGO
	" OR q.asks_until OPERATOR(pg_catalog.>)" TOO_LATE ")"
	" FOR UPDATE SKIP LOCKED)))"
};

static OwnerQuery leave_query = {
	.member = MEMBER_LEASE_QUEUE, .expected = SPI_OK_DELETE,
	.nargs = 5, .types = {INT4OID, INT4OID, INT4OID, INT8OID, NAMEOID},
	.text =
	"DELETE FROM advisory_lock.lease_queue AS q WHERE" OF_THIS_KEY
	" AND q.ticket OPERATOR(pg_catalog.=) $4 AND q.owner OPERATOR(pg_catalog.=) $5"
};

/* Run one of the statements; how many rows there were. */
static int64
ask_queue(OwnerQuery *query, const NamedLock *lock, int64 ticket)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		params[MAX_OWNER_ARGS] = {
		KEY_PARAMS(lock), Int64GetDatum(ticket),
		caller_as_owner(),
		TimestampTzGetDatum(now + PATIENCE), TimestampTzGetDatum(now + PATIENCE / 2)
	};
	int64		rows;
	bool		isnull;

	SPI_connect();
	execute_as_owner(query, params);
	rows = SPI_processed;
	if (query->expected == SPI_OK_SELECT)
		rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return rows;
}

/*
 * The ticket that was passed, or a new one for who has none: what is not in
 * the queue as the caller's was given elsewhere, perhaps by a server before a
 * failover, or is a place that he has chosen himself.
 */
static int64
ticket_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	if (PG_ARGISNULL(argno))
		return token_draw();
	return ask_queue(&known_query, lock, PG_GETARG_INT64(argno)) > 0 ?
		PG_GETARG_INT64(argno) : token_draw();
}

/* Set two columns to who has the lease now, and until when. */
static void
set_holder_columns(Datum *values, bool *nulls, const NamedLock *lock)
{
	TimestampTz until = leased_until(lock->id.key);
	Lease	   *lease = until != 0 ? find_lease(lock->id.key) : NULL;

	nulls[0] = nulls[1] = true;
	if (!lease)
		return;
	set_name_column(&values[0], &nulls[0], lease->holder,
					may_see_names_of(get_role_oid(lease->owner, true)));
	set_time_column(&values[1], &nulls[1], until);
}

static Datum
queue_lease(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	LeaseRequest request = lease_request_args(fcinfo, lock, next, next + 2);
	int64		ticket,
				ahead,
				token = NO_TOKEN;
	bool		taken;
	Datum		values[5] = {0};
	bool		nulls[5] = {false};

	check_lease_allowed("advisory_lock.queue_lease()");
	ticket = ticket_arg(fcinfo, next + 1, lock);
	ahead = ask_queue(&ahead_query, lock, ticket);
	taken = ahead == 0 && take_lease(&request, &NOW, &token);
	(void) ask_queue(taken ? &served_query : &ask_query, lock, ticket);

	values[0] = Int64GetDatum(ticket);
	values[1] = Int64GetDatum(token);
	nulls[1] = !taken;
	values[2] = Int32GetDatum((int32) ahead);
	if (taken)
		nulls[3] = nulls[4] = true;
	else
		set_holder_columns(&values[3], &nulls[3], lock);
	return row_result(row_type(fcinfo), values, nulls);
}

/*
 * queue_lease(name text, duration interval, INOUT ticket bigint, holder text,
 *			   OUT token bigint, OUT ahead integer, OUT held_by text,
 *			   OUT held_until timestamptz)
 */
LOCK_FUNCTION(advisory_lock_queue_lease, named_lock_arg,
			  queue_lease(fcinfo, next, &lock));

static Datum
leave_lease_queue(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	check_lease_allowed("advisory_lock.leave_lease_queue()");
	if (PG_ARGISNULL(next))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(ask_queue(&leave_query, lock, PG_GETARG_INT64(next)) > 0);
}

/* leave_lease_queue(name text, ticket bigint) returns boolean */
LOCK_FUNCTION(advisory_lock_leave_lease_queue, named_lock_arg,
			  leave_lease_queue(fcinfo, next, &lock));
