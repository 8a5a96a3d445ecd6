/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Who holds a name, from the live lock table.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/fmgrprotos.h"

#include "base/key.h"

/* Those in which advisory locks are held; AccessShareLock is a look, see evict.c */
#define HOLDING_MODES (LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(ShareLock))

PG_FUNCTION_INFO_V1(advisory_lock_is_locked);
PG_FUNCTION_INFO_V1(advisory_lock_terminate_holders);

/*
 * The process IDs that hold the lock in any mode, each once; 0 stands for a
 * prepared transaction.  Leans on GetLockStatusData(), as pg_locks does.
 */
static List *
holder_pids(const LOCKTAG *tag)
{
	LockData   *table = GetLockStatusData();
	List	   *pids = NIL;

	for (int i = 0; i < table->nelements; i++)
	{
		LockInstanceData *instance = &table->locks[i];

		if ((instance->holdMask & HOLDING_MODES) != 0 &&
			memcmp(&instance->locktag, tag, sizeof(LOCKTAG)) == 0)
			pids = list_append_unique_int(pids, instance->pid);
	}
	return pids;
}

/* is_locked(name text) returns boolean: by any session, in any mode */
Datum
advisory_lock_is_locked(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);

	PG_RETURN_BOOL(holder_pids(&lock.tag) != NIL);
}

/*
 * terminate_holders(name text) returns integer: how many were signalled
 *
 * Who may do that is for pg_terminate_backend() to say; it raises the error.
 * The calling session is left out, since it could not tell the result.
 */
Datum
advisory_lock_terminate_holders(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);
	int			terminated = 0;
	ListCell   *cell;

	foreach(cell, holder_pids(&lock.tag))
	{
		int			pid = lfirst_int(cell);

		if (pid != 0 && pid != MyProcPid &&
			DatumGetBool(DirectFunctionCall2(pg_terminate_backend,
											 Int32GetDatum(pid), Int64GetDatum(0))))
			terminated++;
	}
	PG_RETURN_INT32(terminated);
}
