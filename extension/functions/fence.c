/*-------------------------------------------------------------------------
 *
 * fence.c
 *	  The check at the resource.
 *
 * A job that lost its lock may not know it yet.  If it presents its fencing
 * token in the transaction that writes, then a job that is no longer the
 * newest is refused there, and its writes go with the transaction.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/key.h"
#include "tokens/token.h"

PG_FUNCTION_INFO_V1(advisory_lock_fence);

/*
 * Raise the newest token seen, unless it is newer than ours.  The row is
 * locked until the transaction ends in either case, so two transactions come
 * one after the other.
 */
static const char *const RAISE_FENCE =
"INSERT INTO advisory_lock.fences AS f (name, token, fenced_at)"
" VALUES ($1, $2, pg_catalog.clock_timestamp())"
" ON CONFLICT (name) DO UPDATE"
" SET token = EXCLUDED.token, fenced_at = EXCLUDED.fenced_at"
" WHERE f.token OPERATOR(pg_catalog.<=) EXCLUDED.token";

static const char *const NEWEST_TOKEN =
"SELECT token FROM advisory_lock.fences WHERE name OPERATOR(pg_catalog.=) $1";

/* The owner of the table, who alone may write to it. */
static Oid
fences_owner(void)
{
	Oid			schema = get_namespace_oid("advisory_lock", false);
	Oid			table = get_relname_relid("fences", schema);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"advisory_lock.fences\" does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Run one statement with the parameters (name, token). */
static void
run_fence_query(const char *query, int expected, Datum *params)
{
	Oid			types[2] = {TEXTOID, INT8OID};
	int			result = SPI_execute_with_args(query, 2, types, params, NULL, false, 1);

	if (result != expected)
		elog(ERROR, "SPI_execute_with_args returned %s", SPI_result_code_string(result));
}

/* The newest token seen for the name. */
static int64
newest_token(Datum *params)
{
	bool		isnull;

	run_fence_query(NEWEST_TOKEN, SPI_OK_SELECT, params);
	if (SPI_processed == 0)
		return 0;
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
raise_fence(const NamedLock *lock, int64 token)
{
	Datum		params[2] = {CStringGetTextDatum(lock->name), Int64GetDatum(token)};

	run_fence_query(RAISE_FENCE, SPI_OK_INSERT, params);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fencing token " INT64_FORMAT " of advisory lock \"%s\" is out of date",
						token, lock->name),
				 errdetail("The newer token " INT64_FORMAT " has been used.",
						   newest_token(params)),
				 errhint("The lock was lost and somebody else has taken it: stop this job.")));
}

static void
check_token(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("fencing token of advisory lock \"%s\" must not be null", lock->name)));
	if (!token_was_issued(PG_GETARG_INT64(argno)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fencing token " INT64_FORMAT " of advisory lock \"%s\" was never issued",
						PG_GETARG_INT64(argno), lock->name),
				 errhint("Pass what advisory_lock.lock(), advisory_lock.token() or WITHLOCK_TOKEN gave you.")));
}

/*
 * fence(name text, token bigint) returns void
 *
 * Fails unless the token is the newest seen for the name.
 */
Datum
advisory_lock_fence(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);
	Oid			user;
	int			security_context;

	PreventCommandIfReadOnly("advisory_lock.fence()");
	PreventCommandIfParallelMode("advisory_lock.fence()");
	check_token(fcinfo, 1, &lock);

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(fences_owner(), security_context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	raise_fence(&lock, PG_GETARG_INT64(1));
	SPI_finish();
	SetUserIdAndSecContext(user, security_context);
	PG_RETURN_VOID();
}
