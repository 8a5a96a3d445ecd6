/*-------------------------------------------------------------------------
 *
 * run.c
 *	  When a job has run.
 *
 * A job that shall run once an hour, on whichever host comes first, asks under
 * its lock when it last succeeded, and says so when it has succeeded again.
 * The clock is the server's, so the clocks of the hosts do not matter.
 *
 * The row of a name belongs to the role that made it, as a fence does.
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
#include "functions/arguments.h"
#include "functions/visible.h"
#include "locking/lease.h"
#include "tokens/token.h"

PG_FUNCTION_INFO_V1(advisory_lock_last_run);
PG_FUNCTION_INFO_V1(advisory_lock_record_run);

static OwnerQuery last_query = {
	.member = MEMBER_RUNS, .expected = SPI_OK_SELECT,
	.nargs = 1, .types = {TEXTOID},
	.text =
	"SELECT started_at, owner FROM advisory_lock.runs WHERE name OPERATOR(pg_catalog.=) $1"
};

static OwnerQuery record_query = {
	.member = MEMBER_RUNS, .expected = SPI_OK_INSERT_RETURNING,
	.nargs = 4, .types = {TEXTOID, INT8OID, TIMESTAMPTZOID, NAMEOID},
	.text =
	"INSERT INTO advisory_lock.runs AS r (name, token, started_at, recorded_at, owner)"
	" VALUES ($1, $2, $3, pg_catalog.clock_timestamp(), $4)"
	" ON CONFLICT (name) DO UPDATE"
	" SET token = EXCLUDED.token, started_at = EXCLUDED.started_at, recorded_at = EXCLUDED.recorded_at"
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
			 errmsg("permission denied for the runs of \"%s\"", lock->name),
			 errdetail("They belong to the role that recorded the first one."),
			 errhint("Call it as a member of that role, or use another name.")));
}

/*
 * last_run(name text) returns timestamptz: when the newest run that has
 * succeeded began.  To be asked while the name is held.
 */
Datum
advisory_lock_last_run(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);
	Datum		name = CStringGetTextDatum(lock.name);
	Datum		started_at = (Datum) 0;
	bool		isnull = true;

	PreventCommandIfParallelMode("advisory_lock.last_run()");
	SPI_connect();
	execute_as_owner(&last_query, &name);
	if (SPI_processed > 0)
	{
		check_run_owner(&lock, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
		started_at = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	}
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(started_at);
}

static void
report_out_of_date(const NamedLock *lock, int64 token)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("token " INT64_FORMAT " of the run of \"%s\" is out of date", token, lock->name),
			 errdetail("Somebody else has held the name since."),
			 errhint("The lock was lost: do not count this run.")));
}

static void
check_arguments(FunctionCallInfo fcinfo, const NamedLock *lock)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("token and start of the run of \"%s\" must not be null", lock->name),
				 errhint("Pass the token of the lock, and the time by this server's clock at which the run began.")));
	if (!token_was_issued(PG_GETARG_INT64(1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token " INT64_FORMAT " of the run of \"%s\" was never issued",
						PG_GETARG_INT64(1), lock->name),
				 errhint("Pass what advisory_lock.lock(), advisory_lock.acquire_lease() or WITHLOCK_TOKEN gave you.")));
	if (PG_GETARG_TIMESTAMPTZ(2) > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the run of \"%s\" must not begin in the future", lock->name),
				 errhint("Take the start from this server's clock, by pg_catalog.clock_timestamp().")));
}

static void
record(const NamedLock *lock, int64 token, Datum started_at)
{
	Datum		params[] = {
		CStringGetTextDatum(lock->name), Int64GetDatum(token), started_at,
		CStringGetDatum(GetUserNameFromId(GetUserId(), false))
	};

	ForceSyncCommit();			/* a job that counts as done was recorded */
	SPI_connect();
	execute_as_owner(&record_query, params);
	if (SPI_processed == 0)
		report_out_of_date(lock, token);
	check_run_owner(lock, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
}

/*
 * record_run(name text, token bigint, started_at timestamptz) returns void
 *
 * Refused with a token older than the newest recorded, or than a lease's.
 */
Datum
advisory_lock_record_run(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);
	Lease	   *lease;

	PreventCommandIfReadOnly("advisory_lock.record_run()");
	PreventCommandIfParallelMode("advisory_lock.record_run()");
	check_arguments(fcinfo, &lock);
	lease = find_lease(lock.id.key);
	if (lease && lease->token > PG_GETARG_INT64(1))
		report_out_of_date(&lock, PG_GETARG_INT64(1));
	record(&lock, PG_GETARG_INT64(1), PG_GETARG_DATUM(2));
	PG_RETURN_VOID();
}
