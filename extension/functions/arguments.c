/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Arguments that several SQL functions have.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/title.h"
#include "functions/arguments.h"

/* The argument of an SQL function that is a name; an error if it is null. */
text *
name_arg(FunctionCallInfo fcinfo, int argno)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("advisory lock name must not be null"),
				 errhint("Pass a name of 1 to %d bytes.", MAX_NAME_BYTES)));
	return PG_GETARG_TEXT_PP(argno);
}

/* The lock named by an argument of an SQL function. */
NamedLock
named_lock_arg(FunctionCallInfo fcinfo, int argno)
{
	NamedLock	lock;

	named_lock_init_text(&lock, name_arg(fcinfo, argno));
	return lock;
}

/* Are there two integers, or one bigint?  As the function was declared. */
static bool
is_pair(Oid function)
{
	Oid		   *types;
	int			count;

	(void) get_func_signature(function, &types, &count);
	return types[0] == INT4OID;
}

/*
 * The lock whose key the first arguments of an SQL function are, in either of
 * core's key spaces: one bigint or two integers.  *next becomes the number of
 * the argument that follows.
 */
NamedLock
key_arg(FunctionCallInfo fcinfo, int *next)
{
	bool		pair = is_pair(fcinfo->flinfo->fn_oid);
	NamedLock	lock;

	if (PG_ARGISNULL(0) || (pair && PG_ARGISNULL(1)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("advisory lock key must not be null"),
				 errhint("Pass one bigint or two integers, as to pg_advisory_lock().")));
	named_lock_init_key(&lock,
						pair ? (LockKey) {PG_GETARG_INT32(0), PG_GETARG_INT32(1), KEY_PAIR} :
						key_of_bigint(PG_GETARG_INT64(0)));
	*next = pair ? 2 : 1;
	return lock;
}

/*
 * The timeout argument of a function that must have one.  lock is the one that
 * error messages are about.
 */
Deadline
timeout_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout for advisory lock %s must not be null", lock_title(lock)),
				 errhint("Pass 0 not to wait at all; the functions without \"try\" in their name wait without a limit.")));
	return deadline_after(PG_GETARG_INTERVAL_P(argno), lock);
}

/* The timeout argument of a function, where NULL leaves it to lock_timeout. */
Deadline
timeout_arg_or_setting(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	return PG_ARGISNULL(argno) ? deadline_by_setting() :
		deadline_after(PG_GETARG_INTERVAL_P(argno), lock);
}

/* The argument that says how many permits there are. */
int
permits_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	int			permits = PG_ARGISNULL(argno) ? 0 : PG_GETARG_INT32(argno);

	if (permits < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(argno) ?
				 errmsg("number of permits of \"%s\" must not be null", name) :
				 errmsg("number of permits of \"%s\" must be at least 1, not %d",
						name, permits),
				 errhint("Pass how many may hold one at the same time.")));
	return permits;
}
