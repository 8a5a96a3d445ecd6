/*-------------------------------------------------------------------------
 *
 * replicated.c
 *	  Rows that come by logical replication.
 *
 * A publication of all tables has the extension's, too.  If the subscriber has
 * the extension, then roles there make rows of their own; and a row that comes
 * for a key that has one already would stop the subscription for all tables,
 * for good, and have the publisher keep its WAL.  So what comes replaces what
 * is there; but no row makes way for one with an older token.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/member.h"

PG_FUNCTION_INFO_V1(advisory_lock_replace_row);

static bool
is_our_table(Relation rel)
{
	for (Member member = MEMBER_FENCES; member <= MEMBER_RUNS; member++)
	{
		if (member_relation(member) == RelationGetRelid(rel))
			return true;
	}
	return false;
}

static void
check_called_by_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		!is_our_table(trigger->tg_relation))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("advisory_lock.replace_row() must be called before a row of extension \"advisory_lock\" is inserted or updated"),
				 errhint("Leave it to the triggers of the extension's tables.")));
}

/* The token of a row; 0 in a table that has none. */
static int64
token_of(HeapTuple row, TupleDesc columns)
{
	bool		isnull = true;
	int			number = SPI_fnumber(columns, "token");
	Datum		token = number > 0 ? heap_getattr(row, number, columns, &isnull) : (Datum) 0;

	return isnull ? 0 : DatumGetInt64(token);
}

/* Find rows by the value that a column has in this one. */
static void
init_scan_key(ScanKey key, AttrNumber column, HeapTuple row, TupleDesc columns)
{
	Oid			type = TupleDescAttr(columns, column - 1)->atttypid;
	Oid			equal = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	bool		isnull;

	ScanKeyInit(key, column, BTEqualStrategyNumber, get_opcode(equal),
				heap_getattr(row, column, columns, &isnull));
}

/* A copy of the row that has the primary key of this one, or NULL. */
static HeapTuple
find_row(Relation rel, HeapTuple row)
{
	Relation	index = index_open(primary_key_index(rel), AccessShareLock);
	int			count = IndexRelationGetNumberOfKeyAttributes(index);
	ScanKeyData keys[INDEX_MAX_KEYS];
	SysScanDesc scan;
	HeapTuple	found;

	for (int i = 0; i < count; i++)
		init_scan_key(&keys[i], index->rd_index->indkey.values[i], row, RelationGetDescr(rel));
	scan = systable_beginscan(rel, RelationGetRelid(index), true, NULL, count, keys);
	found = systable_getnext(scan);
	if (found)
		found = heap_copytuple(found);
	systable_endscan(scan);
	index_close(index, AccessShareLock);
	return found;
}

/*
 * Take away the row that has the key of a new one, unless that is older; then
 * returns false.  If somebody is changing the row, that is an error, or becomes
 * one when the new row meets with it: then the subscription tries again.
 */
static bool
make_way(Relation rel, HeapTuple row)
{
	HeapTuple	found = find_row(rel, row);

	if (!found)
		return true;
	if (token_of(found, RelationGetDescr(rel)) > token_of(row, RelationGetDescr(rel)))
		return false;
	simple_heap_delete(rel, &found->t_self);
	return true;
}

/*
 * replace_row() returns trigger: before a row is inserted or updated
 *
 * Does nothing in an ordinary session, however the trigger is enabled.
 */
Datum
advisory_lock_replace_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	rel;
	HeapTuple	row;
	bool		accepted;

	check_called_by_trigger(fcinfo);
	rel = trigger->tg_relation;
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		return PointerGetDatum(row);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		accepted = make_way(rel, row);
	else
		accepted = token_of(trigger->tg_trigtuple, RelationGetDescr(rel)) <=
			token_of(row, RelationGetDescr(rel));
	return PointerGetDatum(accepted ? row : NULL);
}
