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

#include "functions/row.h"

/* The row type that the calling SQL function returns. */
TupleDesc
row_type(FunctionCallInfo fcinfo)
{
	TupleDesc	type;

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(type);
}

/* A row of that type. */
Datum
row_result(TupleDesc type, Datum *values, bool *nulls)
{
	return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
}
