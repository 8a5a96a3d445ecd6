/*-------------------------------------------------------------------------
 *
 * run.c
 *	  When a job has run.
 *
 * A job that shall run once an hour, on whichever host comes first, asks under
 * its lock when it last succeeded, and says so when it has succeeded again.
 * The clock is the server's, so the clocks of the hosts do not matter.
 *
 * Like a lease, a run is known by its lock's key: under its name and by its key
 * alone it is the same.  Of two names that have one key, the row is of the one
 * that it says.  It belongs to the role that made it, as a fence does.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/owner.h"
#include "base/title.h"
#include "functions/arguments.h"
#include "functions/visible.h"
#include "locking/lease.h"
#include "tokens/token.h"

static OwnerQuery last_query = {
	.member = MEMBER_RUNS, .expected = SPI_OK_SELECT,
	.nargs = 4, .types = {INT4OID, INT4OID, INT4OID, TEXTOID},
	.text =
	"SELECT started_at, owner FROM advisory_lock.runs"
	" WHERE key1 OPERATOR(pg_catalog.=) $1 AND key2 OPERATOR(pg_catalog.=) $2"
	" AND kind OPERATOR(pg_catalog.=) $3 AND COALESCE(name OPERATOR(pg_catalog.=) $4, true)"
};

static OwnerQuery record_query = {
	.member = MEMBER_RUNS, .expected = SPI_OK_INSERT_RETURNING,
	.nargs = 7, .types = {INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID, TIMESTAMPTZOID, NAMEOID},
	.text =
	"INSERT INTO advisory_lock.runs AS r (key1, key2, kind, name, token, started_at, recorded_at, owner)"
	" VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.clock_timestamp(), $7)"
	" ON CONFLICT (key1, key2, kind) DO UPDATE"
	" SET name = COALESCE(EXCLUDED.name, r.name), token = EXCLUDED.token,"
	" started_at = EXCLUDED.started_at, recorded_at = EXCLUDED.recorded_at"
	" WHERE r.token OPERATOR(pg_catalog.<=) EXCLUDED.token"
	" RETURNING r.owner"
};

/*
 * May the current role take the owner's word for it, and replace it?  Or else
 * anybody could have a job left out by saying that it has run just now.
 */
static void
check_run_owner(const NamedLock *lock, const char *owner)
{
	if (may_act_for(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the runs of %s", lock_title(lock)),
			 errdetail("They belong to the role that recorded the first one."),
			 errhint("Call it as a member of that role, or use another lock.")));
}

static Datum
last_run(FunctionCallInfo fcinfo, const NamedLock *lock)
{
	Datum		params[] = {LOCK_PARAMS(lock)};
	Datum		started_at = (Datum) 0;
	bool		isnull = true;

	PreventCommandIfParallelMode("advisory_lock.last_run()");
	SPI_connect();
	execute_as_owner(&last_query, params);
	if (SPI_processed > 0)
	{
		check_run_owner(lock, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
		started_at = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	}
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(started_at);
}

/*
 * last_run(name text) returns timestamptz: when the newest run that has
 * succeeded began.  To be asked while the lock is held.
 */
LOCK_FUNCTION(advisory_lock_last_run, named_lock_arg,
			  last_run(fcinfo, &lock));

static void
report_out_of_date(const NamedLock *lock, int64 token)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("token " INT64_FORMAT " of the run of %s is out of date", token, lock_title(lock)),
			 errdetail("Somebody else has held the lock since."),
			 errhint("The lock was lost: do not count this run.")));
}

static void
check_arguments(FunctionCallInfo fcinfo, int token, int started_at, const NamedLock *lock)
{
	if (PG_ARGISNULL(token) || PG_ARGISNULL(started_at))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("token and start of the run of %s must not be null", lock_title(lock)),
				 errhint("Pass the token of the lock, and the time by this server's clock at which the run began.")));
	if (!token_was_issued(PG_GETARG_INT64(token)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token " INT64_FORMAT " of the run of %s was never issued",
						PG_GETARG_INT64(token), lock_title(lock)),
				 errhint("Pass what advisory_lock.lock(), advisory_lock.acquire_lease() or WITHLOCK_TOKEN gave you.")));
	if (PG_GETARG_TIMESTAMPTZ(started_at) > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the run of %s must not begin in the future", lock_title(lock)),
				 errhint("Take the start from this server's clock, by pg_catalog.clock_timestamp().")));
}

static void
record(const NamedLock *lock, int64 token, Datum started_at)
{
	Datum		params[] = {
		LOCK_PARAMS(lock), Int64GetDatum(token), started_at,
		caller_as_owner()
	};

	ForceSyncCommit();			/* a job that counts as done was recorded */
	SPI_connect();
	execute_as_owner(&record_query, params);
	if (SPI_processed == 0)
		report_out_of_date(lock, token);
	check_run_owner(lock, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
}

static Datum
record_run(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	int			started_at = next + 1;
	Lease	   *lease;

	PreventCommandIfReadOnly("advisory_lock.record_run()");
	PreventCommandIfParallelMode("advisory_lock.record_run()");
	check_arguments(fcinfo, next, started_at, lock);
	lease = find_lease(lock->id.key);
	if (lease && lease->token > PG_GETARG_INT64(next))
		report_out_of_date(lock, PG_GETARG_INT64(next));
	record(lock, PG_GETARG_INT64(next), PG_GETARG_DATUM(started_at));
	PG_RETURN_VOID();
}

/*
 * record_run(name text, token bigint, started_at timestamptz) returns void
 *
 * Refused with a token older than the newest recorded, or than a lease's.
 */
LOCK_FUNCTION(advisory_lock_record_run, named_lock_arg,
			  record_run(fcinfo, next, &lock));
