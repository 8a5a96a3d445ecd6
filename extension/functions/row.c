/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows as results of SQL functions.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "functions/row.h"

/* To look up what a function returns costs more than a lock: so many are kept */
#define TYPES_KEPT 4

static struct
{
	Oid			function;		/* InvalidOid: not known, or not any more */
	TupleDesc	type;			/* lives as long as the session, or NULL */
}			kept[TYPES_KEPT];

static int	next_kept = 0;

/* Some function was changed or dropped. */
static void
forget_types(Datum arg pg_attribute_unused(), int cacheid pg_attribute_unused(),
			 uint32 hash pg_attribute_unused())
{
	for (int i = 0; i < TYPES_KEPT; i++)
		kept[i].function = InvalidOid;
}

/* Keep a copy of what the function returns, in place of another. */
static TupleDesc
keep_type(Oid function, TupleDesc type)
{
	static bool watching = false;
	MemoryContext caller_context = MemoryContextSwitchTo(TopMemoryContext);
	TupleDesc	copy = CreateTupleDescCopy(type);
	int			i = next_kept;

	MemoryContextSwitchTo(caller_context);
	if (!watching)
		CacheRegisterSyscacheCallback(PROCOID, forget_types, (Datum) 0);
	watching = true;
	next_kept = (i + 1) % TYPES_KEPT;
	if (kept[i].type)
		FreeTupleDesc(kept[i].type);
	kept[i].function = function;
	kept[i].type = copy;
	return copy;
}

static TupleDesc
look_up_type(FunctionCallInfo fcinfo)
{
	TupleDesc	type;

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(type);
}

/* The row type that the calling SQL function returns; valid during the call. */
TupleDesc
row_type(FunctionCallInfo fcinfo)
{
	Oid			function = fcinfo->flinfo->fn_oid;

	for (int i = 0; i < TYPES_KEPT; i++)
	{
		if (kept[i].type && kept[i].function == function)
			return kept[i].type;
	}
	return keep_type(function, look_up_type(fcinfo));
}

/*
 * A value of type name.  It has one size, all of which is copied: of a string,
 * what is behind its end would be, too.
 */
Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* A row of that type. */
Datum
row_result(TupleDesc type, Datum *values, bool *nulls)
{
	return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
}
