/*-------------------------------------------------------------------------
 *
 * tokens.c
 *	  Fencing tokens by hand.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"

#include "tokens/token.h"

#define TOKEN_HINT "Pass the greatest token that was seen anywhere."

PG_FUNCTION_INFO_V1(advisory_lock_raise_tokens);

static int64
above_arg(FunctionCallInfo fcinfo, int argno)
{
	int64		above = PG_ARGISNULL(argno) ? 0 : PG_GETARG_INT64(argno);

	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("number to raise fencing tokens above must not be null"),
				 errhint(TOKEN_HINT)));
	if (above < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number to raise fencing tokens above must be positive, not " INT64_FORMAT,
						above),
				 errhint(TOKEN_HINT)));
	if (!number_leaves_some(above))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no fencing tokens above " INT64_FORMAT, above),
				 errhint(TOKEN_HINT)));
	return above;
}

/*
 * raise_tokens(above bigint) returns void
 *
 * No token at or below that number is given any more; not undone by a
 * rollback, as setval() is not.
 */
Datum
advisory_lock_raise_tokens(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("advisory_lock.raise_tokens()");
	PreventCommandIfParallelMode("advisory_lock.raise_tokens()");
	tokens_raise(above_arg(fcinfo, 0));
	PG_RETURN_VOID();
}
