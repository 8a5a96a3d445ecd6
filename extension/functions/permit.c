/*-------------------------------------------------------------------------
 *
 * permit.c
 *	  The SQL functions for permits.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"


#include "functions/arguments.h"
#include "locking/permit.h"

PG_FUNCTION_INFO_V1(advisory_lock_acquire_permit);
PG_FUNCTION_INFO_V1(advisory_lock_release_permit);

/* acquire_permit(name text, permits integer, timeout interval) returns integer */
Datum
advisory_lock_acquire_permit(PG_FUNCTION_ARGS)
{
	NamedLock	pool = named_lock_arg(fcinfo, 0);
	int			permits = permits_arg(fcinfo, 1, pool.name);
	Deadline	deadline = timeout_arg_or_setting(fcinfo, 2, &pool);
	int64		token;
	int			permit = acquire_permit(&pool, permits, &deadline, &token);

	if (permit == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(permit);
}

/* release_permit(name text, permit integer) returns boolean */
Datum
advisory_lock_release_permit(PG_FUNCTION_ARGS)
{
	NamedLock	pool = named_lock_arg(fcinfo, 0);

	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("permit of \"%s\" must be the number of a permit", pool.name),
				 errhint("Pass what advisory_lock.acquire_permit() returned.")));
	PG_RETURN_BOOL(release_permit(&pool, PG_GETARG_INT32(1)));
}
