/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  The SQL functions for one lock.
 *
 * Each is declared three times, see LOCK_FUNCTION: for a name, which is what
 * the comments here say, for a bigint, and for two integers.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "functions/arguments.h"
#include "functions/row.h"
#include "locking/acquire.h"
#include "locking/held.h"
#include "locking/unhindered.h"

PG_FUNCTION_INFO_V1(advisory_lock_key);
PG_FUNCTION_INFO_V1(advisory_lock_unlock_all);

/* key(name text, OUT key1 int4, OUT key2 int4) */
Datum
advisory_lock_key(PG_FUNCTION_ARGS)
{
	NamedLock	lock = brief_lock_arg(fcinfo, 0);
	Datum		values[2] = {Int32GetDatum(lock.id.key.key1), Int32GetDatum(lock.id.key.key2)};
	bool		nulls[2] = {false, false};

	return row_result(row_type(fcinfo), values, nulls);
}

/* An error when the time passes that lock_timeout says. */
static pg_noinline void
acquire_by_setting(const NamedLock *lock, LockForm form, int64 *token)
{
	Deadline	deadline = deadline_by_setting();

	(void) acquire_locks(lock, 1, form, &deadline, token);
}

/* Wait as long as lock_timeout says; the fencing token. */
static Datum
acquire(const NamedLock *lock, LockForm form)
{
	int64		token = 0;

	if (!acquire_unhindered(lock, form, &token))
		acquire_by_setting(lock, form, &token);
	return Int64GetDatum(token);
}

/* Wait for the timeout, the argument argno, at most; was it granted? */
static Datum
try_acquire(FunctionCallInfo fcinfo, int argno, const NamedLock *lock, LockForm form)
{
	Deadline	deadline = timeout_arg(fcinfo, argno, lock);
	int64		token;

	return BoolGetDatum(acquire_lock(lock, form, &deadline, &token));
}

/* The token; NULL unless this session has held the lock ever since. */
static Datum
token(FunctionCallInfo fcinfo, const NamedLock *lock)
{
	int64		token;

	if (!held_token(lock, &token))
		PG_RETURN_NULL();
	return Int64GetDatum(token);
}

/* lock(name text) returns bigint */
LOCK_FUNCTION(advisory_lock_lock, brief_lock_arg,
			  acquire(&lock, SESSION_EXCLUSIVE));

/* lock_shared(name text) returns bigint */
LOCK_FUNCTION(advisory_lock_lock_shared, brief_lock_arg,
			  acquire(&lock, SESSION_SHARED));

/* xact_lock(name text) returns bigint */
LOCK_FUNCTION(advisory_lock_xact_lock, brief_lock_arg,
			  acquire(&lock, XACT_EXCLUSIVE));

/* xact_lock_shared(name text) returns bigint */
LOCK_FUNCTION(advisory_lock_xact_lock_shared, brief_lock_arg,
			  acquire(&lock, XACT_SHARED));

/* try_lock(name text, timeout interval) returns boolean */
LOCK_FUNCTION(advisory_lock_try_lock, brief_lock_arg,
			  try_acquire(fcinfo, next, &lock, SESSION_EXCLUSIVE));

/* try_lock_shared(name text, timeout interval) returns boolean */
LOCK_FUNCTION(advisory_lock_try_lock_shared, brief_lock_arg,
			  try_acquire(fcinfo, next, &lock, SESSION_SHARED));

/* try_xact_lock(name text, timeout interval) returns boolean */
LOCK_FUNCTION(advisory_lock_try_xact_lock, brief_lock_arg,
			  try_acquire(fcinfo, next, &lock, XACT_EXCLUSIVE));

/* try_xact_lock_shared(name text, timeout interval) returns boolean */
LOCK_FUNCTION(advisory_lock_try_xact_lock_shared, brief_lock_arg,
			  try_acquire(fcinfo, next, &lock, XACT_SHARED));

/* unlock(name text) returns boolean: false, with a warning, if not held */
LOCK_FUNCTION(advisory_lock_unlock, brief_lock_arg,
			  BoolGetDatum(release_lock(&lock, ExclusiveLock)));

/* unlock_shared(name text) returns boolean: false, with a warning, if not held */
LOCK_FUNCTION(advisory_lock_unlock_shared, brief_lock_arg,
			  BoolGetDatum(release_lock(&lock, ShareLock)));

/* unlock_all() returns integer: how many locks were held */
Datum
advisory_lock_unlock_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(release_all_locks());
}

/* token(name text) returns bigint */
LOCK_FUNCTION(advisory_lock_token, brief_lock_arg,
			  token(fcinfo, &lock));
