/*-------------------------------------------------------------------------
 *
 * fence.c
 *	  The check at the resource.
 *
 * A job that lost its lock may not know it yet.  If it presents its fencing
 * token in the transaction that writes, then a job that is no longer the
 * newest is refused there, and its writes go with the transaction.
 *
 * A fence is known by the key of its lock, as a lease is: under its name and by
 * its key alone it is the same.  Two names that have one key exclude each other,
 * and have one fence.
 *
 * The row belongs to the role that made it, or else anybody could shut out a job
 * by showing a newer token of his own.  The role is kept by
 * name: an OID would be another role's on the server where a dump is restored,
 * and a regrole could not be restored where the role does not exist.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/arguments.h"
#include "functions/visible.h"
#include "base/key.h"
#include "base/owner.h"
#include "base/title.h"
#include "tokens/token.h"

#define TOKEN_HINT "Pass what advisory_lock.lock(), advisory_lock.token() or WITHLOCK_TOKEN gave you."

PG_FUNCTION_INFO_V1(advisory_lock_forget_fences);

/*
 * Raise the newest token seen, unless it is newer than ours.  The row is
 * locked until the transaction ends in either case, so two transactions come
 * one after the other.
 */
static OwnerQuery raise_query = {
	.member = MEMBER_FENCES, .expected = SPI_OK_INSERT_RETURNING,
	.nargs = 6, .types = {INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID, NAMEOID},
	.text =
	"INSERT INTO advisory_lock.fences AS f (key1, key2, kind, name, token, fenced_at, owner)"
	" VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp(), $6)"
	" ON CONFLICT (key1, key2, kind) DO UPDATE"
	" SET name = COALESCE(EXCLUDED.name, f.name), token = EXCLUDED.token, fenced_at = EXCLUDED.fenced_at"
	" WHERE f.token OPERATOR(pg_catalog.<=) EXCLUDED.token"
	" RETURNING f.token, f.owner"
};

static OwnerQuery newest_query = {
	.member = MEMBER_FENCES, .expected = SPI_OK_SELECT,
	.nargs = 3, .types = {INT4OID, INT4OID, INT4OID},
	.text =
	"SELECT token, owner FROM advisory_lock.fences"
	" WHERE key1 OPERATOR(pg_catalog.=) $1 AND key2 OPERATOR(pg_catalog.=) $2"
	" AND kind OPERATOR(pg_catalog.=) $3"
};

static OwnerQuery forget_query = {
	.member = MEMBER_FENCES, .expected = SPI_OK_DELETE,
	.nargs = 1, .types = {INTERVALOID},
	.text =
	"DELETE FROM advisory_lock.fences"
	" WHERE (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) fenced_at) OPERATOR(pg_catalog.>) $1"
};

/* The row of a lock after the call */
typedef struct Fence
{
	bool		raised;
	int64		token;
	char	   *owner;
} Fence;

/* The one row that the last query returned, if it did. */
static void
read_fence(Fence *fence)
{
	bool		isnull;

	if (SPI_processed == 0)
		return;
	fence->token = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 1, &isnull));
	fence->owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
}

/* Raise the fence if the token is not older; what the row says then. */
static Fence
raise_fence(const NamedLock *lock, int64 token)
{
	Datum		params[] = {
		LOCK_PARAMS(lock),
		Int64GetDatum(token),
		caller_as_owner()
	};
	Fence		fence = {0};

	execute_as_owner(&raise_query, params);
	fence.raised = SPI_processed > 0;
	if (!fence.raised)
		execute_as_owner(&newest_query, params);
	read_fence(&fence);
	return fence;
}

/*
 * May the current role raise what the owner has made?  Inside of a SECURITY
 * DEFINER function that is the function's owner, as for everything else.
 */
static void
check_fence_owner(const NamedLock *lock, const char *owner)
{
	if (may_act_for(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the fence of advisory lock %s", lock_title(lock)),
			 errdetail("It belongs to the role that called advisory_lock.fence() for this lock first."),
			 errhint("Call it as a member of that role, or ask the owner of the database to change or delete the row in advisory_lock.fences.")));
}

/*
 * A row that says more than was ever given here came from elsewhere.  Then the
 * next holder shall have a token that passes.
 */
static void
check_fence_raised(const NamedLock *lock, int64 token, const Fence *fence)
{
	if (fence->raised)
		return;
	if (!token_was_issued(fence->token))
		tokens_raise(fence->token);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("fencing token " INT64_FORMAT " of advisory lock %s is out of date",
					token, lock_title(lock)),
			 errdetail("The newer token " INT64_FORMAT " has been used.", fence->token),
			 errhint("The lock was lost and somebody else has taken it: stop this job.")));
}

static void
check_token(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("fencing token of advisory lock %s must not be null", lock_title(lock)),
				 errhint(TOKEN_HINT)));
	if (!token_was_issued(PG_GETARG_INT64(argno)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fencing token " INT64_FORMAT " of advisory lock %s was never issued",
						PG_GETARG_INT64(argno), lock_title(lock)),
				 errhint(TOKEN_HINT)));
}

static Datum
fence(FunctionCallInfo fcinfo, int next, const NamedLock *lock)
{
	Fence		fence;

	PreventCommandIfReadOnly("advisory_lock.fence()");
	PreventCommandIfParallelMode("advisory_lock.fence()");
	check_token(fcinfo, next, lock);

	SPI_connect();
	fence = raise_fence(lock, PG_GETARG_INT64(next));
	check_fence_owner(lock, fence.owner);
	check_fence_raised(lock, PG_GETARG_INT64(next), &fence);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * fence(name text, token bigint) returns void
 *
 * Fails unless the token is the newest seen for the lock.
 */
LOCK_FUNCTION(advisory_lock_fence, named_lock_arg,
			  fence(fcinfo, next, &lock));

static bool
is_negative(const Interval *interval)
{
	Interval	zero = {0};

	return DatumGetBool(DirectFunctionCall2(interval_lt,
											IntervalPGetDatum(interval),
											IntervalPGetDatum(&zero)));
}

static Datum
older_than_arg(FunctionCallInfo fcinfo, int argno)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("age of the fences to forget must not be null"),
				 errhint("Pass 0 to forget them all.")));
	if (is_negative(PG_GETARG_INTERVAL_P(argno)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("age of the fences to forget must not be negative"),
				 errhint("Pass 0 to forget them all.")));
	return PG_GETARG_DATUM(argno);
}

/*
 * forget_fences(older_than interval) returns bigint
 *
 * Deletes what nobody has raised for so long; how many.  From then on any
 * token passes for those names.
 */
Datum
advisory_lock_forget_fences(PG_FUNCTION_ARGS)
{
	Datum		age = older_than_arg(fcinfo, 0);
	uint64		forgotten;

	PreventCommandIfReadOnly("advisory_lock.forget_fences()");
	PreventCommandIfParallelMode("advisory_lock.forget_fences()");
	SPI_connect();
	execute_as_owner(&forget_query, &age);
	forgotten = SPI_processed;
	SPI_finish();
	PG_RETURN_INT64(forgotten);
}
