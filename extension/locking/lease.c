/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  Locks that are held without a session.
 *
 * A lease is a row of the table leases, so it is as durable and as replicated
 * as the data.  It keeps others off its key as the delay of a lost session
 * does, see delay.c; here is how it is found.  Rows are written by the SQL
 * functions, see functions/lease.c, and by whoever restores a dump.
 *
 * With the registry, hints say quickly that there is no lease, see hints.c.
 * Without it the row is looked for, by way of the index.
 *
 * On a standby nothing is looked for: a lock there is local to it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/member.h"
#include "base/title.h"
#include "locking/lease.h"
#include "registry/hints.h"

/* Columns of the table leases, in the order of the script */
enum
{
	KEY1 = 1, KEY2, KIND, NAME, TOKEN, HOLDER, OWNER, ACQUIRED_AT, EXPIRES_AT
};

/* How soon to look again at a row that somebody is changing */
#define RECHECK_CHANGE (10 * INT64CONST(1000))

static const Oid column_types[] = {
	INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID, TEXTOID, NAMEOID, TIMESTAMPTZOID, TIMESTAMPTZOID
};

static Relation
open_leases(void)
{
	Relation	rel = member_open(MEMBER_LEASES, AccessShareLock);

	member_check_columns(MEMBER_LEASES, RelationGetDescr(rel), column_types, lengthof(column_types));
	return rel;
}

static Datum
column(HeapTuple row, int number, TupleDesc columns)
{
	bool		isnull;

	return heap_getattr(row, number, columns, &isnull);
}

/* NULL: none, since it was taken by its key. */
static char *
name_of_row(HeapTuple row, TupleDesc columns)
{
	bool		isnull;
	Datum		name = heap_getattr(row, NAME, columns, &isnull);

	return isnull ? NULL : TextDatumGetCString(name);
}

static LockKey
key_of_row(HeapTuple row, TupleDesc columns)
{
	return (LockKey) {
		DatumGetInt32(column(row, KEY1, columns)),
		DatumGetInt32(column(row, KEY2, columns)),
		DatumGetInt32(column(row, KIND, columns))
	};
}

/*
 * Has another transaction written a newer version of the row, of which the
 * snapshot does not know?
 */
static bool
is_changing(HeapTuple row)
{
	HeapTupleHeader header = row->t_data;
	TransactionId xid;

	if ((header->t_infomask & HEAP_XMAX_INVALID) != 0 ||
		HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		return false;
	xid = HeapTupleHeaderGetUpdateXid(header);
	return TransactionIdIsValid(xid) && !TransactionIdIsCurrentTransactionId(xid) &&
		(TransactionIdIsInProgress(xid) || TransactionIdDidCommit(xid));
}

static Lease *
read_row(HeapTuple row, TupleDesc columns)
{
	Lease	   *lease = palloc(sizeof(Lease));

	*lease = (Lease) {
		.key = key_of_row(row, columns),
		.name = name_of_row(row, columns),
		.token = DatumGetInt64(column(row, TOKEN, columns)),
		.holder = TextDatumGetCString(column(row, HOLDER, columns)),
		.owner = pstrdup(NameStr(*DatumGetName(column(row, OWNER, columns)))),
		.acquired_at = DatumGetTimestampTz(column(row, ACQUIRED_AT, columns)),
		.expires_at = DatumGetTimestampTz(column(row, EXPIRES_AT, columns)),
		.changing = is_changing(row)
	};
	return lease;
}

static void
init_scan_keys(ScanKeyData *keys, LockKey key)
{
	ScanKeyInit(&keys[0], KEY1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(key.key1));
	ScanKeyInit(&keys[1], KEY2, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(key.key2));
	ScanKeyInit(&keys[2], KIND, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(key.kind));
}

/*
 * The row of a key, be it over or not, or NULL.
 *
 * The snapshot is a catalog snapshot, which is new with every scan of a table
 * that has no syscache, depends on no isolation level, and is no longer there
 * when the scan has ended.
 */
Lease *
find_lease(LockKey key)
{
	Relation	rel = open_leases();
	SysScanDesc scan;
	ScanKeyData keys[3];
	HeapTuple	row;
	Lease	   *lease = NULL;

	init_scan_keys(keys, key);
	scan = systable_beginscan(rel, primary_key_index(rel), true, NULL, lengthof(keys), keys);
	if ((row = systable_getnext(scan)) != NULL)
		lease = read_row(row, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return lease;
}

/* All leases of the database that are not over. */
List *
leases_under_way(void)
{
	TimestampTz now = GetCurrentTimestamp();
	Relation	rel = open_leases();
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *leases = NIL;
	HeapTuple	row;

	while ((row = systable_getnext(scan)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (DatumGetTimestampTz(column(row, EXPIRES_AT, RelationGetDescr(rel))) > now)
			leases = lappend(leases, read_row(row, RelationGetDescr(rel)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return leases;
}

/*
 * Leave the hints of rows that are older than the memory for hints.  Every
 * version of every row counts, as one of a prepared transaction may: a hint
 * too many does no harm.
 */
static void
leave_hints_of_rows(Registry *reg)
{
	TimestampTz now = GetCurrentTimestamp();
	Relation	rel = open_leases();
	TupleDesc	columns = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, SnapshotAny, 0, NULL);
	HeapTuple	row;

	while ((row = systable_getnext(scan)) != NULL)
	{
		TimestampTz until = DatumGetTimestampTz(column(row, EXPIRES_AT, columns));

		CHECK_FOR_INTERRUPTS();
		if (until > now)
			leave_lease_hint(reg, key_of_row(row, columns), until);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	lease_hints_are_left(reg);
}

/* May the key be leased, as far as that is known without reading the row? */
static bool
worth_a_look(LockKey key, TimestampTz now)
{
	Registry   *reg = registry();

	if (!reg)
		return true;
	if (!find_lease_hints(reg))
		leave_hints_of_rows(reg);
	return may_be_leased(reg, key, now);
}

/*
 * Until when others are kept off the key by a lease; 0 if they are not.  While
 * the row is being changed, by a renewal say, that is soon: ask again then.
 */
TimestampTz
leased_until(LockKey key)
{
	TimestampTz now = GetCurrentTimestamp();	/* before anything else, see hints.c */
	Lease	   *lease;
	TimestampTz until = 0;

	if (RecoveryInProgress() || !worth_a_look(key, now))
		return 0;
	lease = find_lease(key);
	if (!lease)
		return 0;
	if (lease->expires_at > now)
		until = lease->expires_at;
	else if (lease->changing)
		until = now + RECHECK_CHANGE;
	if (lease->name)
		pfree(lease->name);
	pfree(lease->holder);
	pfree(lease->owner);
	pfree(lease);
	return until;
}

/*
 * Raise an error where other sessions might not see a lease: they have the
 * registry and trust its hints, and this session has failed to get at it.
 */
void
check_leases_possible(void)
{
	if (HAVE_NAMED_SEGMENTS)
		(void) registry_or_error();
	else
		(void) registry_attach();
}

/* Somebody is going to write a row: let others look for it. */
void
note_lease(LockKey key, TimestampTz until)
{
	check_leases_possible();
	if (registry())
		leave_lease_hint(registry(), key, until);
}

/*
 * Keys whose leases this transaction has ended, in its memory.  A list of
 * another transaction is not there any more.
 */
static List *ended = NIL;
static TransactionId ended_by = InvalidTransactionId;

/* This transaction has ended the lease of the lock, if it commits. */
void
lease_ended_here(const NamedLock *lock)
{
	MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
	LockKey    *key = palloc(sizeof(LockKey));

	if (ended_by != GetTopTransactionIdIfAny())
		ended = NIL;
	ended_by = GetTopTransactionId();
	*key = lock->id.key;
	ended = lappend(ended, key);
	MemoryContextSwitchTo(context);
}

/*
 * Raise an error if the lock's lease was ended by this transaction: should
 * that be rolled back, the lease is there again, but what is held by the
 * session stays.
 */
void
check_lease_over(const NamedLock *lock)
{
	ListCell   *cell;

	if (!TransactionIdIsValid(ended_by) || ended_by != GetTopTransactionIdIfAny())
		return;
	foreach(cell, ended)
	{
		if (lock_key_equal(lfirst(cell), &lock->id.key))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot take session-level advisory lock %s in the transaction that ended its lease",
							lock_title(lock)),
					 errdetail("If the transaction were rolled back, both would be held."),
					 errhint("Commit first, or take a transaction-level lock.")));
	}
}
