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

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

#include "functions/arguments.h"
#include "locking/deadlock.h"
#include "locking/permit.h"

PG_FUNCTION_INFO_V1(advisory_lock_acquire_permit);
PG_FUNCTION_INFO_V1(advisory_lock_release_permit);
PG_FUNCTION_INFO_V1(advisory_lock_permit_waiters);

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

static Datum
pid_array(const List *pids)
{
	Datum	   *values = palloc(list_length(pids) * sizeof(Datum));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, pids)
		values[count++] = Int32GetDatum(lfirst_int(cell));
	return PointerGetDatum(construct_array(values, count, INT4OID,
										   sizeof(int32), true, TYPALIGN_INT));
}

/*
 * permit_waiters(OUT pid integer, OUT key1 integer, OUT key2 integer,
 *				  OUT blocked_by integer[]) returns setof record
 *
 * Who is at the head of a permit queue and waits for any of several permits;
 * the keys are those of the queue.  All others that wait for a permit wait for
 * a lock, so pg_blocking_pids() knows of them.
 */
Datum
advisory_lock_permit_waiters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, all_awaiters())
	{
		Awaiter    *awaiter = (Awaiter *) lfirst(cell);
		Oid			database;
		LockKey		key;
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		if (!lock_tag_key(&awaiter->queue, &database, &key) || database != MyDatabaseId)
			continue;
		values[0] = Int32GetDatum(awaiter->pid);
		values[1] = Int32GetDatum(key.key1);
		values[2] = Int32GetDatum(key.key2);
		values[3] = pid_array(awaiter->blockers);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
