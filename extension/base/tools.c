/*-------------------------------------------------------------------------
 *
 * tools.c
 *	  Which program a key belongs to.
 *
 * The formulas go from names to keys, so to go back all of their keys for
 * this database are kept in a table of this session.  It is made when somebody
 * asks, and again once a schema or a database has changed: a view of
 * thousands of locks looks at the catalogs once.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"		/* PostgreSQL 19 has get_database_name() there */
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/tools.h"

#define FIRST_SIZE 64

typedef struct ToolEntry
{
	LockKey		key;			/* hash key, must be first */
	const char *tool;			/* NULL: several have this key */
} ToolEntry;

static HTAB *tools;				/* NULL: not made yet */
static uint64 changes = 1;		/* of catalogs, since the session began */
static uint64 made_after;		/* so many of them; 0: not complete */

static void
forget_tools(Datum arg pg_attribute_unused(), int cacheid pg_attribute_unused(),
			 uint32 hash pg_attribute_unused())
{
	changes++;
}

static void
watch_for_changes(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_tools, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, forget_tools, (Datum) 0);
	watching = true;
}

/* The schemas of the server's own, and ours, have no tool's tables. */
static bool
is_users_schema(const char *name)
{
	return !IsReservedName(name) && strcmp(name, "information_schema") != 0 &&
		strcmp(name, "advisory_lock") != 0;
}

static void
visit_schemas(const char *database, KnownKeyVisitor visit, void *arg)
{
	Relation	rel = table_open(NamespaceRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	row;

	while ((row = systable_getnext(scan)) != NULL)
	{
		Form_pg_namespace schema = (Form_pg_namespace) GETSTRUCT(row);

		if (is_users_schema(NameStr(schema->nspname)))
			visit_schema_keys(schema->oid, NameStr(schema->nspname), database, visit, arg);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * Visit what the formulas give for this database and its schemas; reads the
 * catalogs.  pg_repack's are left out, which has one for every table.
 */
void
visit_known_keys(KnownKeyVisitor visit, void *arg)
{
	char	   *database = get_database_name(MyDatabaseId);

	if (database == NULL)
		return;					/* dropped */
	visit_database_keys(database, visit, arg);
	visit_schemas(database, visit, arg);
	pfree(database);
}

/* Two tools with one key: neither is named. */
static void
enter_tool(const KnownKey *known, void *table)
{
	bool		found;
	ToolEntry  *entry = hash_search(table, &known->key, HASH_ENTER, &found);

	if (!found)
		entry->tool = known->tool;
	else if (entry->tool != known->tool)
		entry->tool = NULL;
}

static HTAB *
new_table(void)
{
	HASHCTL		control = {
		.keysize = sizeof(LockKey),.entrysize = sizeof(ToolEntry),.hcxt = TopMemoryContext
	};

	return hash_create("advisory_lock tools", FIRST_SIZE, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Make the table, unless it still holds; reads the catalogs. */
void
prepare_tools(void)
{
	uint64		changes_before = changes;

	if (made_after == changes)
		return;
	watch_for_changes();
	made_after = 0;
	if (tools)
		hash_destroy(tools);
	tools = NULL;				/* there may be no memory for another */
	tools = new_table();
	visit_known_keys(enter_tool, tools);
	made_after = changes_before;
}

/*
 * The tool that a key belongs to, as far as that is known without looking into
 * a catalog; for while an error is reported.  NULL: none.
 */
const char *
prepared_tool(LockKey key)
{
	ToolEntry  *entry = NULL;

	if (made_after == changes)
		entry = hash_search(tools, &key, HASH_FIND, NULL);
	return entry ? entry->tool : NULL;
}

/* pg_repack makes its key of a table's OID: there must be such a table. */
static bool
is_repacks(LockKey key)
{
	Oid			table;

	return is_repack_key(key, &table) && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table));
}

/* The tool that a key belongs to, static; NULL: none.  Reads the catalogs. */
const char *
tool_of_key(LockKey key)
{
	prepare_tools();
	return is_repacks(key) ? "pg_repack" : prepared_tool(key);
}
