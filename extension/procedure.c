/*-------------------------------------------------------------------------
 *
 * procedure.c
 *	  CALL acquire(): waiting without a snapshot.
 *
 * A session that waits inside a SELECT keeps the snapshot of the SELECT, and
 * CREATE INDEX CONCURRENTLY waits for every older snapshot.  If the holder's
 * job runs one, then the job waits for the waiter and the waiter for the job,
 * and nothing reports a deadlock.  A procedure can end its transaction before
 * it waits; then it has no snapshot.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"

#include "acquire.h"
#include "many.h"
#include "permit.h"
#include "row.h"

PG_FUNCTION_INFO_V1(advisory_lock_acquire);
PG_FUNCTION_INFO_V1(advisory_lock_acquire_many);

/*
 * End the transaction of this CALL and begin another, which has no snapshot
 * until something asks for one.  name is the lock, for the error message.
 * What was palloc'd before stays: its context is the CALL's, not the
 * transaction's.
 */
static void
drop_snapshot(FunctionCallInfo fcinfo, const char *name)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot wait for advisory lock \"%s\" without a snapshot inside a transaction block or a function",
						name),
				 errhint("Run CALL outside of a transaction, or use advisory_lock.lock() or advisory_lock.xact_lock(), which wait with a snapshot.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
}

/* The shared argument as a lock form. */
static LockForm
form_arg(FunctionCallInfo fcinfo, int argno)
{
	bool		shared = !PG_ARGISNULL(argno) && PG_GETARG_BOOL(argno);

	return shared ? SESSION_SHARED : SESSION_EXCLUSIVE;
}

static void
check_not_shared(LockForm form, const char *name)
{
	if (form.mode == ShareLock)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot acquire a permit of \"%s\" in shared mode", name),
				 errhint("Leave out either \"shared\" or \"permits\".")));
}

/*
 * acquire(name text, timeout interval, shared boolean, permits integer,
 *		   INOUT token bigint, INOUT permit integer)
 *
 * The token is NULL when the time ran out.
 */
Datum
advisory_lock_acquire(PG_FUNCTION_ARGS)
{
	NamedLock	lock = named_lock_arg(fcinfo, 0);
	Deadline	deadline = deadline_arg_or_never(fcinfo, 1, lock.name);
	LockForm	form = form_arg(fcinfo, 2);
	bool		semaphore = !PG_ARGISNULL(3);
	int			permits = semaphore ? permits_arg(fcinfo, 3, lock.name) : 0;
	TupleDesc	type = row_type(fcinfo);	/* while there is a snapshot */
	int			permit = 0;
	int64		token = 0;
	bool		acquired;

	if (semaphore)
		check_not_shared(form, lock.name);
	drop_snapshot(fcinfo, lock.name);

	if (semaphore)
		acquired = (permit = acquire_permit(&lock, permits, &deadline, &token)) > 0;
	else
		acquired = acquire_lock(&lock, form, &deadline, &token);
	return row_result(type,
					  (Datum[]) {Int64GetDatum(token), Int32GetDatum(permit)},
					  (bool[]) {!acquired, permit == 0});
}

/*
 * acquire_many(names text[], timeout interval, INOUT tokens bigint[])
 *
 * The tokens are NULL when the time ran out.
 */
Datum
advisory_lock_acquire_many(PG_FUNCTION_ARGS)
{
	NameSet		set = name_set_arg(fcinfo, 0);
	Deadline	deadline = deadline_arg_or_never(fcinfo, 1, set.given[0].name);
	TupleDesc	type = row_type(fcinfo);	/* while there is a snapshot */
	Datum		tokens = (Datum) 0;
	bool		acquired;

	drop_snapshot(fcinfo, set.given[0].name);
	acquired = acquire_name_set(&set, &deadline, &tokens);
	return row_result(type, &tokens, (bool[]) {!acquired});
}
