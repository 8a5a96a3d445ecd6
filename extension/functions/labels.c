/*-------------------------------------------------------------------------
 *
 * labels.c
 *	  Names that an administrator gives to keys.
 *
 * A lock that is taken by its key has no name; what it is for can be told by a
 * label.  Labels are rows of a table, which is dumped and restored.  Like a
 * fence, a label belongs by name to the role that gave it: whether a role sees
 * it is decided as for the names of locks.
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
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/owner.h"
#include "base/title.h"
#include "functions/arguments.h"
#include "functions/labels.h"
#include "functions/row.h"
#include "functions/visible.h"

PG_FUNCTION_INFO_V1(advisory_lock_label_key);
PG_FUNCTION_INFO_V1(advisory_lock_labels);

#define FIRST_SIZE 64

/* Of key_labels; labels() returns those before. */
#define OWNER_COLUMN 5

static const Oid column_types[OWNER_COLUMN] = {INT4OID, INT4OID, BOOLOID, TEXTOID, NAMEOID};

/* Each returns the label that was there before, and its owner. */
#define OLD_LABEL \
	"WITH old AS (SELECT label, owner FROM advisory_lock.key_labels" \
	" WHERE key1 OPERATOR(pg_catalog.=) $1 AND key2 OPERATOR(pg_catalog.=) $2" \
	" AND one_bigint OPERATOR(pg_catalog.=) $3) "

static OwnerQuery set_query = {
	.member = MEMBER_KEY_LABELS, .expected = SPI_OK_INSERT_RETURNING,
	.nargs = OWNER_COLUMN, .types = {INT4OID, INT4OID, BOOLOID, TEXTOID, NAMEOID},
	.text =
	OLD_LABEL "INSERT INTO advisory_lock.key_labels (key1, key2, one_bigint, label, owner)"
	" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key1, key2, one_bigint)"
	" DO UPDATE SET label = EXCLUDED.label, owner = EXCLUDED.owner"
	" RETURNING (SELECT label FROM old), (SELECT owner FROM old)"
};

static OwnerQuery remove_query = {
	.member = MEMBER_KEY_LABELS, .expected = SPI_OK_DELETE,
	.nargs = 3, .types = {INT4OID, INT4OID, BOOLOID},
	.text =
	"DELETE FROM advisory_lock.key_labels"
	" WHERE key1 OPERATOR(pg_catalog.=) $1 AND key2 OPERATOR(pg_catalog.=) $2"
	" AND one_bigint OPERATOR(pg_catalog.=) $3"
};

static const char *
label_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	char	   *label = text_to_cstring(PG_GETARG_TEXT_PP(argno));

	if (label[0] == '\0' || strlen(label) > MAX_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label of advisory lock %s must have 1 to %d bytes",
						lock_title(lock), MAX_NAME_BYTES),
				 errhint("Pass NULL to remove a label.")));
	return label;
}

/* The role of that name; invalid if it is gone. */
static Oid
role_named(const char *owner)
{
	return owner ? get_role_oid(owner, true) : InvalidOid;
}

/* Say that the label which the last query returned has made way, if it did. */
static void
tell_of_replaced(const NamedLock *lock, const char *label)
{
	TupleDesc	columns = SPI_tuptable->tupdesc;
	char	   *old = SPI_getvalue(SPI_tuptable->vals[0], columns, 1);
	char	   *owner = SPI_getvalue(SPI_tuptable->vals[0], columns, 2);

	if (old == NULL || strcmp(old, label) == 0)
		return;
	ereport(NOTICE,
			(errmsg("label of advisory lock %s is replaced", lock_title(lock)),
			 may_see_names_of(role_named(owner)) ?
			 errdetail("It was \"%s\" and is \"%s\" now.", old, label) : 0));
}

static void
set_label(const NamedLock *lock, Datum *params, const char *label)
{
	params[3] = CStringGetTextDatum(label);
	params[4] = caller_as_owner();
	execute_as_owner(&set_query, params);
	tell_of_replaced(lock, label);
}

/*
 * label_key(key bigint, label text) returns void
 * label_key(key1 integer, key2 integer, label text) returns void
 *
 * Who may call it is for the rights on the function to say.
 */
Datum
advisory_lock_label_key(PG_FUNCTION_ARGS)
{
	int			next;
	NamedLock	lock = key_arg(fcinfo, &next);
	const char *label = PG_ARGISNULL(next) ? NULL : label_arg(fcinfo, next, &lock);
	Datum		params[OWNER_COLUMN] = {
		Int32GetDatum(lock.id.key.key1), Int32GetDatum(lock.id.key.key2),
		BoolGetDatum(lock.id.key.kind == KEY_BIGINT)
	};

	PreventCommandIfReadOnly("advisory_lock.label_key()");
	PreventCommandIfParallelMode("advisory_lock.label_key()");
	SPI_connect();
	if (label)
		set_label(&lock, params, label);
	else
		execute_as_owner(&remove_query, params);
	SPI_finish();
	PG_RETURN_VOID();
}

/* A label that was given to a key, or why it is not shown */
typedef struct KeyLabel
{
	LockKey		key;			/* hash key, must be first */
	Datum		label;			/* text */
} KeyLabel;

typedef void (*KeyLabelVisitor) (const KeyLabel *label, void *arg);

static void
visit_label(HeapTuple row, TupleDesc columns, KeyLabelVisitor visit, void *arg)
{
	Datum		values[OWNER_COLUMN];
	bool		nulls[OWNER_COLUMN];
	KeyLabel	label;

	heap_deform_tuple(row, columns, values, nulls);
	label.key = (LockKey) {
		DatumGetInt32(values[0]), DatumGetInt32(values[1]),
		DatumGetBool(values[2]) ? KEY_BIGINT : KEY_PAIR
	};
	label.label = values[3];
	if (!may_see_names_of(role_named(NameStr(*DatumGetName(values[OWNER_COLUMN - 1])))))
		set_name_column(&label.label, &nulls[3], "", false);
	visit(&label, arg);
}

/*
 * Reads the table without rights on it, which callers do not have, and without
 * a lock that a standby could not give.
 */
static void
visit_labels(KeyLabelVisitor visit, void *arg)
{
	Relation	rel = member_open(MEMBER_KEY_LABELS, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	row;

	member_check_columns(MEMBER_KEY_LABELS, RelationGetDescr(rel), column_types, OWNER_COLUMN);
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	while ((row = systable_getnext(scan)) != NULL)
		visit_label(row, RelationGetDescr(rel), visit, arg);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
put_label(const KeyLabel *label, void *arg)
{
	ReturnSetInfo *rsinfo = arg;
	Datum		values[] = {
		Int32GetDatum(label->key.key1), Int32GetDatum(label->key.key2),
		BoolGetDatum(label->key.kind == KEY_BIGINT), label->label
	};
	bool		nulls[lengthof(values)] = {false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * labels(OUT key1 integer, OUT key2 integer, OUT one_bigint boolean,
 *		  OUT label text) returns setof record
 *
 * For the view stats.
 */
Datum
advisory_lock_labels(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	visit_labels(put_label, fcinfo->resultinfo);
	return (Datum) 0;
}

static void
enter_label(const KeyLabel *label, void *arg)
{
	KeyLabel   *entry = hash_search(arg, &label->key, HASH_ENTER, NULL);

	entry->label = datumCopy(label->label, false, -1);
}

/* All labels that were given to keys, in the current memory context. */
HTAB *
all_key_labels(void)
{
	HASHCTL		control = {
		.keysize = sizeof(LockKey),.entrysize = sizeof(KeyLabel),.hcxt = CurrentMemoryContext
	};
	HTAB	   *labels = hash_create("advisory_lock labels of keys", FIRST_SIZE, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	visit_labels(enter_label, labels);
	return labels;
}

/* The label of a key as text, or why it is not shown; 0 if there is none. */
Datum
find_key_label(HTAB *labels, LockKey key)
{
	KeyLabel   *found = hash_search(labels, &key, HASH_FIND, NULL);

	return found ? found->label : (Datum) 0;
}
