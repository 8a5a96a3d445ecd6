/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Rows as results of SQL functions.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROW_H
#define ROW_H

#include "funcapi.h"

extern TupleDesc row_type(FunctionCallInfo fcinfo);
extern Datum name_datum(const char *name);
extern Datum row_result(TupleDesc type, Datum *values, bool *nulls);

#endif							/* ROW_H */
