/*-------------------------------------------------------------------------
 *
 * tools.c
 *	  Which keys belong to which program.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "base/tools.h"
#include "functions/arguments.h"
#include "functions/row.h"

PG_FUNCTION_INFO_V1(advisory_lock_tool);
PG_FUNCTION_INFO_V1(advisory_lock_keys_of_tools);

/*
 * tool(key bigint) returns text
 * tool(key1 integer, key2 integer) returns text
 */
Datum
advisory_lock_tool(PG_FUNCTION_ARGS)
{
	int			next;
	const char *tool = tool_of_key(key_arg(fcinfo, &next).id.key);

	if (tool == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(tool));
}

/* The name of a schema; NULL if it is none, or was dropped meanwhile. */
static char *
schema_name(Oid schema)
{
	return OidIsValid(schema) ? get_namespace_name(schema) : NULL;
}

static void
put_known_key(const KnownKey *known, void *arg)
{
	ReturnSetInfo *rsinfo = arg;
	bool		big = known->key.kind == KEY_BIGINT;
	char	   *schema = schema_name(known->schema);
	Datum		values[5] = {
		CStringGetTextDatum(known->tool),
		Int64GetDatum(bigint_of_key(known->key)),
		Int32GetDatum(known->key.key1),
		Int32GetDatum(known->key.key2),
		schema ? name_datum(schema) : (Datum) 0
	};
	bool		nulls[5] = {false, !big, big, big, schema == NULL};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * keys_of_tools(OUT tool text, OUT key bigint, OUT key1 integer,
 *				 OUT key2 integer, OUT schema_name name) returns setof record
 *
 * The view known_keys.
 */
Datum
advisory_lock_keys_of_tools(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	visit_known_keys(put_known_key, fcinfo->resultinfo);
	return (Datum) 0;
}
