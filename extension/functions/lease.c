/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  Taking, renewing and ending leases.
 *
 * Who takes a lease holds the lock itself while it writes the row, so that
 * sessions keep leases off, and the queue keeps its order.  Once that has been
 * committed, the row keeps others off.
 *
 * Who renews or releases a lease does not hold the lock: others may wait for
 * it, and hold it meanwhile, until the lease is over.  So a renewal counts
 * only if it was written before the end that they know of, see hints.c.
 *
 * A lease belongs to the role that took it, which is kept by name as in
 * fence.c, and is known by its token.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/owner.h"
#include "base/title.h"
#include "functions/arguments.h"
#include "functions/lease.h"
#include "functions/visible.h"
#include "locking/acquire.h"
#include "locking/delay.h"
#include "locking/lease.h"
#include "registry/announce.h"
#include "tokens/token.h"

PG_FUNCTION_INFO_V1(advisory_lock_note_lease);

#define OF_THIS_KEY \
	" l.key1 OPERATOR(pg_catalog.=) $1 AND l.key2 OPERATOR(pg_catalog.=) $2" \
	" AND l.kind OPERATOR(pg_catalog.=) $3"
#define OURS_STILL \
	OF_THIS_KEY " AND l.token OPERATOR(pg_catalog.=) $4 AND NOT l.released" \
	" AND l.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()"

static OwnerQuery take_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_INSERT,
	.nargs = 9,
	.types = {INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID, TEXTOID, NAMEOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
	.text =
	"INSERT INTO advisory_lock.leases AS l"
	" (key1, key2, kind, name, token, holder, owner, acquired_at, expires_at, renewed_from, released)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, false)"
	" ON CONFLICT (key1, key2, kind) DO UPDATE"
	" SET name = EXCLUDED.name, token = EXCLUDED.token, holder = EXCLUDED.holder, owner = EXCLUDED.owner,"
	" acquired_at = EXCLUDED.acquired_at, expires_at = EXCLUDED.expires_at,"
	" renewed_from = EXCLUDED.renewed_from, released = false"
	" WHERE l.expires_at OPERATOR(pg_catalog.<=) EXCLUDED.acquired_at"
};

/* Two renewals in flight: the later end counts. */
static OwnerQuery renew_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_UPDATE_RETURNING,
	.nargs = 5, .types = {INT4OID, INT4OID, INT4OID, INT8OID, TIMESTAMPTZOID},
	.text =
	"UPDATE advisory_lock.leases AS l"
	" SET renewed_from = l.expires_at, expires_at = GREATEST(l.expires_at, $5)"
	" WHERE" OURS_STILL
	" RETURNING l.expires_at, l.renewed_from, l.owner"
};

/* Others are kept off until so long after it was acquired. */
static OwnerQuery shorten_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_UPDATE_RETURNING,
	.nargs = 5, .types = {INT4OID, INT4OID, INT4OID, INT8OID, INTERVALOID},
	.text =
	"UPDATE advisory_lock.leases AS l"
	" SET renewed_from = l.expires_at, released = true,"
	" expires_at = l.acquired_at OPERATOR(pg_catalog.+) $5"
	" WHERE" OURS_STILL
	" RETURNING l.expires_at, l.renewed_from, l.owner"
};

/* What was renewed too late is as it was. */
static OwnerQuery undo_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_UPDATE,
	.nargs = 4, .types = {INT4OID, INT4OID, INT4OID, INT8OID},
	.text =
	"UPDATE advisory_lock.leases AS l SET expires_at = l.renewed_from"
	" WHERE" OF_THIS_KEY " AND l.token OPERATOR(pg_catalog.=) $4"
};

static OwnerQuery release_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_DELETE_RETURNING,
	.nargs = 4, .types = {INT4OID, INT4OID, INT4OID, INT8OID},
	.text =
	"DELETE FROM advisory_lock.leases AS l WHERE" OURS_STILL
	" RETURNING l.expires_at, l.renewed_from, l.owner"
};

static OwnerQuery end_query = {
	.member = MEMBER_LEASES, .expected = SPI_OK_DELETE,
	.nargs = 4, .types = {INT4OID, INT4OID, INT4OID, INT8OID},
	.text =
	"DELETE FROM advisory_lock.leases AS l"
	" WHERE" OF_THIS_KEY " AND l.token OPERATOR(pg_catalog.=) $4"
};

/* What a statement that changes a lease returns */
typedef struct Changed
{
	bool		found;
	TimestampTz expires_at;
	TimestampTz renewed_from;
	char	   *owner;
} Changed;

/* === Others are to be let in when the transaction has committed === */

static bool lets_in = false;

static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (lets_in && event == XACT_EVENT_COMMIT)
		announce_let_in();
	lets_in = false;
}

static void
let_in_at_commit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	lets_in = true;
}

/* Raise an error where no lease can be written. */
void
check_lease_allowed(const char *function)
{
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	check_leases_possible();
}

/* === Taking one === */

/* Write the row; false if there is one that is not over. */
static bool
write_lease(const LeaseRequest *request, int64 token)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		params[] = {
		LOCK_PARAMS(request->lock),
		Int64GetDatum(token),
		CStringGetTextDatum(request->holder),
		caller_as_owner(),
		TimestampTzGetDatum(now),
		TimestampTzGetDatum(now + request->duration)
	};
	bool		written;

	ForceSyncCommit();			/* others rely on it whatever the caller's data may */
	SPI_connect();
	execute_as_owner(&take_query, params);
	written = SPI_processed > 0;
	SPI_finish();
	return written;
}

/*
 * Take the lease, waiting until the deadline at most.  The lock itself is held
 * until the transaction ends, since only then others see the row.
 *
 * Whoever holds the lock has waited out what kept it off, unless it had held
 * it before: then there can be a lease all the same, and is to be waited out.
 */
bool
take_lease(const LeaseRequest *request, const Deadline *deadline, int64 *token)
{
	int64		token_of_lock;

	if (!acquire_lock(request->lock, XACT_EXCLUSIVE, deadline, &token_of_lock))
		return false;
	*token = token_draw();		/* a lease shares its token with nobody */
	while (!write_lease(request, *token))
	{
		if (!wait_out_delay(request->lock, deadline))
			return false;
		*token = token_draw();
	}
	return true;
}

static Datum
acquire_lease(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	LeaseRequest request = lease_request_args(fcinfo, lock, next, next + 2);
	Deadline	deadline = timeout_arg(fcinfo, next + 1, lock);
	int64		token;

	check_lease_allowed("advisory_lock.acquire_lease()");
	if (!take_lease(&request, &deadline, &token))
		PG_RETURN_NULL();
	PG_RETURN_INT64(token);
}

/* acquire_lease(name text, duration interval, timeout interval, holder text) returns bigint */
LOCK_FUNCTION(advisory_lock_acquire_lease, named_lock_arg,
			  acquire_lease(fcinfo, next, &lock));

/* === Renewing and ending one === */

/* May the current role renew or end what the owner has taken? */
void
check_lease_owner(const NamedLock *lock, const char *owner)
{
	if (may_act_for(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the lease of %s", lock_title(lock)),
			 errdetail("It belongs to the role that took it."),
			 errhint("Call it as a member of that role.")));
}

/* Run a statement that returns what became of the lease, if it is ours still. */
static Changed
change_lease(const NamedLock *lock, OwnerQuery *query, Datum *params)
{
	Changed		changed = {0};
	HeapTuple	row;
	TupleDesc	columns;
	bool		isnull;

	ForceSyncCommit();
	execute_as_owner(query, params);
	if (SPI_processed == 0)
		return changed;
	changed.found = true;
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	changed.expires_at = DatumGetTimestampTz(SPI_getbinval(row, columns, 1, &isnull));
	changed.renewed_from = DatumGetTimestampTz(SPI_getbinval(row, columns, 2, &isnull));
	changed.owner = SPI_getvalue(row, columns, 3);
	check_lease_owner(lock, changed.owner);
	return changed;
}

/*
 * The same of a statement that may move the end.  It counts if the lease was
 * not over when the row had been written; else somebody may have got the lock.
 */
static Changed
move_end(const NamedLock *lock, OwnerQuery *query, Datum *params)
{
	Changed		changed = change_lease(lock, query, params);

	if (changed.found && GetCurrentTimestamp() >= changed.renewed_from)
	{
		execute_as_owner(&undo_query, params);
		changed.found = false;
	}
	return changed;
}

static Datum
renew_lease(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	int64		token = lease_token_arg(fcinfo, next, lock);
	int64		duration = lease_duration_arg(fcinfo, next + 1, lock);
	Datum		params[] = {
		KEY_PARAMS(lock), Int64GetDatum(token), TimestampTzGetDatum(GetCurrentTimestamp() + duration)
	};
	Changed		changed;

	check_lease_allowed("advisory_lock.renew_lease()");
	SPI_connect();
	changed = move_end(lock, &renew_query, params);
	SPI_finish();
	if (!changed.found)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(changed.expires_at);
}

/* renew_lease(name text, token bigint, duration interval) returns timestamptz */
LOCK_FUNCTION(advisory_lock_renew_lease, named_lock_arg,
			  renew_lease(fcinfo, next, &lock));

static Datum
release_lease(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	int64		token = lease_token_arg(fcinfo, next, lock);
	int			at_least_argno = next + 1;
	Datum		params[] = {KEY_PARAMS(lock), Int64GetDatum(token), (Datum) 0};
	/* what was checked: on the calendar, a month less days may be anything */
	Interval	at_least = {.time = at_least_arg(fcinfo, at_least_argno, lock)};
	Changed		changed;

	check_lease_allowed("advisory_lock.release_lease()");
	SPI_connect();
	if (PG_ARGISNULL(at_least_argno))
		changed = change_lease(lock, &release_query, params);
	else
	{
		params[4] = IntervalPGetDatum(&at_least);
		changed = move_end(lock, &shorten_query, params);
	}
	SPI_finish();
	if (changed.found)
	{
		lease_ended_here(lock);
		let_in_at_commit();
	}
	PG_RETURN_BOOL(changed.found);
}

/* release_lease(name text, token bigint, at_least interval) returns boolean */
LOCK_FUNCTION(advisory_lock_release_lease, named_lock_arg,
			  release_lease(fcinfo, next, &lock));

static void
check_may_end(const NamedLock *lock, const char *owner)
{
	Oid			role = get_role_oid(owner, true);

	if ((OidIsValid(role) && may_terminate(role)) ||
		has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to end the lease of %s", lock_title(lock)),
			 errdetail("Only roles that may terminate sessions of the role that took it may end it."),
			 errhint("Call it as a member of that role, or wait until the lease is over.")));
}

/*
 * End the lease of a lock whoever has it; false if there is none.  Its holder
 * learns that at the next renewal.  Who may terminate a session of the owner's
 * may end what it has taken; others get an error.
 */
bool
end_lease(const NamedLock *lock)
{
	Lease	   *lease = leased_until(lock->id.key) == 0 ? NULL : find_lease(lock->id.key);
	Datum		params[] = {KEY_PARAMS(lock), (Datum) 0};
	bool		ended;

	if (!lease)
		return false;
	check_may_end(lock, lease->owner);
	check_lease_allowed("advisory_lock.terminate_holders()");
	params[3] = Int64GetDatum(lease->token);
	SPI_connect();
	execute_as_owner(&end_query, params);
	ended = SPI_processed > 0;
	SPI_finish();
	lease_ended_here(lock);
	let_in_at_commit();
	return ended;
}

/* === However a row is written === */

static int64
column_of(HeapTuple row, TupleDesc columns, const char *name)
{
	bool		isnull;
	int			number = SPI_fnumber(columns, name);
	Datum		value = number > 0 ? SPI_getbinval(row, columns, number, &isnull) : (Datum) 0;

	if (number <= 0 || isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of a lease must not be null", name),
				 errhint("Leave leases to advisory_lock.acquire_lease().")));
	return SPI_gettypeid(columns, number) == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

/* note_lease() returns trigger: before a row of leases is written */
Datum
advisory_lock_note_lease(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	columns;
	HeapTuple	row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) != member_relation(MEMBER_LEASES))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("advisory_lock.note_lease() must be called before a row of advisory_lock.leases is inserted or updated"),
				 errhint("Leave it to the trigger of advisory_lock.leases.")));
	columns = RelationGetDescr(trigger->tg_relation);
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	note_lease((LockKey) {
		column_of(row, columns, "key1"), column_of(row, columns, "key2"), column_of(row, columns, "kind")
	}, column_of(row, columns, "expires_at"));
	return PointerGetDatum(row);
}
