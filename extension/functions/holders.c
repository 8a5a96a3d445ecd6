/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Who holds a lock, from the live lock table.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "tcop/utility.h"
#include "utils/fmgrprotos.h"

#include "functions/arguments.h"
#include "base/key.h"
#include "base/title.h"
#include "functions/lease.h"
#include "locking/delay.h"
#include "locking/lease.h"
#include "registry/board.h"
#include "registry/registry.h"

/* Those in which advisory locks are held; AccessShareLock is a look, see evict.c */
#define HOLDING_MODES (LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(ShareLock))

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

/* Is it held by any session, in any mode, or by a lease? */
static bool
is_locked(const NamedLock *lock)
{
	(void) registry_attach();
	return holder_pids(&lock->tag) != NIL || leased_until(lock->id.key) != 0;
}

/* is_locked(name text) returns boolean */
LOCK_FUNCTION(advisory_lock_is_locked, named_lock_arg,
			  BoolGetDatum(is_locked(&lock)));

/* Has it been granted the lock, but waits for the end of a delay? */
static bool
waits_out_delay(const NamedLock *lock, int pid)
{
	Registry   *reg = registry();
	Label		label;

	return reg && label_copy(reg, &lock->id.key, pid, &label) &&
		label.acquired_at == 0 && label.delayed_until != 0;
}

/* Was the session signalled?  It is not if it has ended meanwhile. */
static bool
terminate(int pid)
{
	return DatumGetBool(DirectFunctionCall2(pg_terminate_backend,
											Int32GetDatum(pid), Int64GetDatum(0)));
}

/*
 * Tell of the prepared transactions that hold the lock: they have no session
 * to terminate.  In pg_locks they have no pid, but a transaction.
 *
 * The caller's search_path must find nothing to run here, so no operator is
 * left to it, not by USING either.
 */
static void
warn_of_prepared(const NamedLock *lock)
{
	static const char query[] =
		"SELECT p.gid FROM pg_catalog.pg_locks l"
		" JOIN pg_catalog.pg_locks t ON t.virtualtransaction OPERATOR(pg_catalog.=) l.virtualtransaction"
		" JOIN pg_catalog.pg_prepared_xacts p ON p.transaction OPERATOR(pg_catalog.=) t.transactionid"
		" WHERE l.pid IS NULL AND t.pid IS NULL AND l.locktype OPERATOR(pg_catalog.=) 'advisory'"
		" AND l.database OPERATOR(pg_catalog.=) $1 AND l.classid OPERATOR(pg_catalog.=) $2"
		" AND l.objid OPERATOR(pg_catalog.=) $3 AND l.objsubid OPERATOR(pg_catalog.=) $4"
		" ORDER BY p.gid";
	Oid			types[] = {OIDOID, OIDOID, OIDOID, INT4OID};
	Datum		values[] = {
		ObjectIdGetDatum(lock->tag.locktag_field1),
		ObjectIdGetDatum(lock->tag.locktag_field2),
		ObjectIdGetDatum(lock->tag.locktag_field3),
		Int32GetDatum(lock->tag.locktag_field4)
	};

	SPI_connect();
	SPI_execute_with_args(query, lengthof(types), types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("prepared transaction \"%s\" holds advisory lock %s",
						SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
						lock_title(lock)),
				 errdetail("It has no session that could be terminated."),
				 errhint("Use COMMIT PREPARED or ROLLBACK PREPARED.")));
	SPI_finish();
}

/*
 * The sessions that hold the lock, apart from this one, and 0 for prepared
 * transactions.  Who waits for the end of a delay holds nothing yet.
 */
static List *
other_holders(const NamedLock *lock)
{
	List	   *pids = holder_pids(&lock->tag);
	ListCell   *cell;

	foreach(cell, pids)
	{
		int			pid = lfirst_int(cell);

		if (pid != 0 && (pid == MyProcPid || waits_out_delay(lock, pid)))
			pids = foreach_delete_current(pids, cell);
	}
	return pids;
}

/*
 * Signal all who hold the lock; how many they are.
 *
 * Who may do that is for pg_terminate_backend() to say; it raises the error.
 * The calling session is left out, since it could not tell the result.  The
 * delay that a lost session has left is lifted, and a lease is ended, which
 * counts.  Either lets somebody in, so who holds the lock is found out before.
 */
static int
terminate_holders(const NamedLock *lock)
{
	List	   *holders;
	int			terminated = 0;
	ListCell   *cell;

	/* A worker would end its own leader, with whose locks it has to do. */
	PreventCommandIfParallelMode("advisory_lock.terminate_holders()");
	(void) registry_attach();
	holders = other_holders(lock);
	(void) lift_delay(lock);
	if (end_lease(lock))
		terminated++;
	foreach(cell, holders)
	{
		if (lfirst_int(cell) != 0 && terminate(lfirst_int(cell)))
			terminated++;
	}
	if (list_member_int(holders, 0))
		warn_of_prepared(lock);
	return terminated;
}

/* terminate_holders(name text) returns integer: how many were signalled */
LOCK_FUNCTION(advisory_lock_terminate_holders, named_lock_arg,
			  Int32GetDatum(terminate_holders(&lock)));
