/*-------------------------------------------------------------------------
 *
 * fenced.c
 *	  The newest token that a fence has seen.
 *
 * Rows of fences can come into a database by other ways than by fence(): from
 * a dump, or by logical replication, which leaves the position of the tokens
 * behind.  A token below theirs would be refused.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/member.h"
#include "tokens/fenced.h"
#include "tokens/number.h"

/* The first columns, (key1, key2, kind, name, token) */
static const Oid column_types[] = {INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID};
#define TOKEN_COLUMN lengthof(column_types)

/*
 * The token of a row; 0 for one that none can be above.  That lets nobody pass
 * whatever is given, but shall not keep all other locks from their tokens.
 */
static int64
token_of_row(HeapTuple row, TupleDesc columns)
{
	bool		isnull;
	Datum		token = heap_getattr(row, TOKEN_COLUMN, columns, &isnull);

	return isnull || !number_leaves_some(DatumGetInt64(token)) ? 0 : DatumGetInt64(token);
}

/*
 * The newest token in the table fences, 0 if it is empty.
 *
 * Reads every version of every row, dead or not committed, since a token that
 * is too high does no harm.  So it needs no snapshot, which would stay behind
 * in a caller that wants none, and it depends on no isolation level.
 */
int64
newest_fenced_token(void)
{
	Relation	rel = member_open(MEMBER_FENCES, AccessShareLock);
	TupleDesc	columns = RelationGetDescr(rel);
	SysScanDesc scan;
	HeapTuple	row;
	int64		newest = 0;

	member_check_columns(MEMBER_FENCES, columns, column_types, lengthof(column_types));
	scan = systable_beginscan(rel, InvalidOid, false, SnapshotAny, 0, NULL);
	while ((row = systable_getnext(scan)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		newest = Max(newest, token_of_row(row, columns));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return newest;
}
