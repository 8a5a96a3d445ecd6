/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  The SQL functions for one lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "functions/arguments.h"
#include "functions/row.h"
#include "locking/acquire.h"
#include "locking/held.h"

PG_FUNCTION_INFO_V1(advisory_lock_key);
PG_FUNCTION_INFO_V1(advisory_lock_lock);
PG_FUNCTION_INFO_V1(advisory_lock_lock_shared);
PG_FUNCTION_INFO_V1(advisory_lock_try_lock);
PG_FUNCTION_INFO_V1(advisory_lock_try_lock_shared);
PG_FUNCTION_INFO_V1(advisory_lock_unlock);
PG_FUNCTION_INFO_V1(advisory_lock_unlock_shared);
PG_FUNCTION_INFO_V1(advisory_lock_unlock_all);
PG_FUNCTION_INFO_V1(advisory_lock_xact_lock);
PG_FUNCTION_INFO_V1(advisory_lock_xact_lock_shared);
PG_FUNCTION_INFO_V1(advisory_lock_try_xact_lock);
PG_FUNCTION_INFO_V1(advisory_lock_try_xact_lock_shared);
PG_FUNCTION_INFO_V1(advisory_lock_token);

/* key(name text, OUT key1 int4, OUT key2 int4) */
Datum
advisory_lock_key(PG_FUNCTION_ARGS)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);
	Datum		values[2] = {Int32GetDatum(lock.id.key.key1), Int32GetDatum(lock.id.key.key2)};
	bool		nulls[2] = {false, false};

	return row_result(row_type(fcinfo), values, nulls);
}

/* Wait as long as lock_timeout says; the fencing token. */
static Datum
lock_by_name(FunctionCallInfo fcinfo, LockForm form)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);
	Deadline	deadline = deadline_by_setting();
	int64		token = 0;

	acquire_lock(&lock, form, &deadline, &token);
	PG_RETURN_INT64(token);
}

/* Wait for the second argument at most; was it granted? */
static Datum
try_lock_by_name(FunctionCallInfo fcinfo, LockForm form)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);
	Deadline	deadline = timeout_arg(fcinfo, 1, lock.name);
	int64		token;

	PG_RETURN_BOOL(acquire_lock(&lock, form, &deadline, &token));
}

/* lock(name text) returns bigint */
Datum
advisory_lock_lock(PG_FUNCTION_ARGS)
{
	return lock_by_name(fcinfo, SESSION_EXCLUSIVE);
}

/* lock_shared(name text) returns bigint */
Datum
advisory_lock_lock_shared(PG_FUNCTION_ARGS)
{
	return lock_by_name(fcinfo, SESSION_SHARED);
}

/* try_lock(name text, timeout interval) returns boolean */
Datum
advisory_lock_try_lock(PG_FUNCTION_ARGS)
{
	return try_lock_by_name(fcinfo, SESSION_EXCLUSIVE);
}

/* try_lock_shared(name text, timeout interval) returns boolean */
Datum
advisory_lock_try_lock_shared(PG_FUNCTION_ARGS)
{
	return try_lock_by_name(fcinfo, SESSION_SHARED);
}

/* unlock(name text) returns boolean: false, with a warning, if not held */
Datum
advisory_lock_unlock(PG_FUNCTION_ARGS)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);

	PG_RETURN_BOOL(release_lock(&lock, ExclusiveLock));
}

/* unlock_shared(name text) returns boolean: false, with a warning, if not held */
Datum
advisory_lock_unlock_shared(PG_FUNCTION_ARGS)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);

	PG_RETURN_BOOL(release_lock(&lock, ShareLock));
}

/* unlock_all() returns integer: how many names were held */
Datum
advisory_lock_unlock_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(release_all_locks());
}

/* xact_lock(name text) returns bigint */
Datum
advisory_lock_xact_lock(PG_FUNCTION_ARGS)
{
	return lock_by_name(fcinfo, XACT_EXCLUSIVE);
}

/* xact_lock_shared(name text) returns bigint */
Datum
advisory_lock_xact_lock_shared(PG_FUNCTION_ARGS)
{
	return lock_by_name(fcinfo, XACT_SHARED);
}

/* try_xact_lock(name text, timeout interval) returns boolean */
Datum
advisory_lock_try_xact_lock(PG_FUNCTION_ARGS)
{
	return try_lock_by_name(fcinfo, XACT_EXCLUSIVE);
}

/* try_xact_lock_shared(name text, timeout interval) returns boolean */
Datum
advisory_lock_try_xact_lock_shared(PG_FUNCTION_ARGS)
{
	return try_lock_by_name(fcinfo, XACT_SHARED);
}

/* token(name text) returns bigint: NULL unless this session has held it ever since */
Datum
advisory_lock_token(PG_FUNCTION_ARGS)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);
	int64		token;

	if (!held_token(&lock, &token))
		PG_RETURN_NULL();
	PG_RETURN_INT64(token);
}
