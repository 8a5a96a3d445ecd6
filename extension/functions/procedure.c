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

#include "access/xact.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"

#include "base/compat.h"
#include "base/title.h"
#include "functions/arguments.h"
#include "functions/many.h"
#include "functions/row.h"
#include "locking/acquire.h"
#include "locking/permit.h"

PG_FUNCTION_INFO_V1(advisory_lock_acquire_many);

/* Raise an error where the transaction cannot be ended; the lock is for it. */
static void
check_not_atomic(FunctionCallInfo fcinfo, const NamedLock *lock)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot wait for advisory lock %s without a snapshot inside a transaction block or a function",
						lock_title(lock)),
				 errhint("Run CALL outside of a transaction, or use advisory_lock.lock() or advisory_lock.xact_lock(), which wait with a snapshot.")));
}

/*
 * End the transaction of this CALL and begin another, which has no snapshot
 * until something asks for one.  What was palloc'd before stays: its context is
 * the CALL's, not the transaction's.
 */
static void
drop_snapshot(void)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
}

/* The arguments of acquire() */
typedef struct AcquireCall
{
	NamedLock	lock;
	Deadline	deadline;
	LockForm	form;
	int			permits;		/* 0: an ordinary lock */
} AcquireCall;

/* What was asked for; next is the number of the argument after the lock. */
static AcquireCall
acquire_call(FunctionCallInfo fcinfo, const NamedLock *lock, int next)
{
	AcquireCall call = {.lock = *lock, .form = SESSION_EXCLUSIVE};

	call.deadline = timeout_arg_or_setting(fcinfo, next, &call.lock);
	if (!PG_ARGISNULL(next + 1) && PG_GETARG_BOOL(next + 1))
		call.form = SESSION_SHARED;
	if (call.lock.name && !PG_ARGISNULL(3))
		call.permits = permits_arg(fcinfo, 3, call.lock.name);
	if (call.permits > 0 && call.form.mode == ShareLock)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot acquire a permit of \"%s\" in shared mode", call.lock.name),
				 errhint("Leave out either \"shared\" or \"permits\".")));
	return call;
}

/* Acquire what was asked for; *permit becomes 0 for an ordinary lock. */
static bool
acquire(const AcquireCall *call, int64 *token, int *permit)
{
	*permit = 0;
	if (call->permits == 0)
		return acquire_lock(&call->lock, call->form, &call->deadline, token);
	*permit = acquire_permit(&call->lock, call->permits, &call->deadline, token);
	return *permit > 0;
}

/* Did the client send this CALL itself, rather than a procedure or a DO? */
static bool
sent_by_client(FunctionCallInfo fcinfo)
{
	Node	   *sent = ActivePortal && ActivePortal->stmts != NIL ?
		linitial_node(PlannedStmt, ActivePortal->stmts)->utilityStmt : NULL;

	return sent && IsA(sent, CallStmt) &&
		castNode(CallStmt, sent)->funcexpr->funcid == fcinfo->flinfo->fn_oid;
}

/*
 * May the transaction be left to end with the statement, if there is no wait?
 * Not if others are to see what it wrote, or if its next statement would see
 * the data as they were before the lock was granted.
 */
static bool
transaction_may_go_on(FunctionCallInfo fcinfo, const AcquireCall *call)
{
	return call->permits == 0 && sent_by_client(fcinfo) &&
		!TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		!IsolationUsesXactSnapshot() &&
		!lock_held_in_any_mode(&call->lock.tag);
}

/*
 * Acquire as the arguments say, without a snapshot.  The token is NULL when the
 * time ran out.  There are no permits of a lock that is given by its key:
 * neither the argument nor the column.
 */
static Datum
acquire_without_snapshot(FunctionCallInfo fcinfo, const NamedLock *lock, int next)
{
	AcquireCall call = acquire_call(fcinfo, lock, next);
	TupleDesc	type = row_type(fcinfo);	/* while there is a snapshot */
	int64		token = 0;
	int			permit = 0;
	bool		acquired;

	check_not_atomic(fcinfo, lock);
	acquired = transaction_may_go_on(fcinfo, &call) &&
		acquire_at_once(&call.lock, call.form, &token);
	if (!acquired)
	{
		drop_snapshot();
		acquired = acquire(&call, &token, &permit);
	}
	return row_result(type,
					  (Datum[]) {Int64GetDatum(token), Int32GetDatum(permit)},
					  (bool[]) {!acquired, permit == 0});
}

/*
 * acquire(name text, timeout interval, shared boolean, permits integer,
 *		   INOUT token bigint, INOUT permit integer)
 */
LOCK_FUNCTION(advisory_lock_acquire, named_lock_arg,
			  acquire_without_snapshot(fcinfo, &lock, next));

/*
 * acquire_many(names text[], timeout interval, INOUT tokens bigint[])
 *
 * The tokens are NULL when the time ran out.
 */
Datum
advisory_lock_acquire_many(PG_FUNCTION_ARGS)
{
	NameSet		set = name_set_arg(fcinfo, 0);
	Deadline	deadline = timeout_arg_or_setting(fcinfo, 1, &set.given[0]);
	TupleDesc	type = row_type(fcinfo);	/* while there is a snapshot */
	Datum		tokens = (Datum) 0;
	bool		acquired;

	check_not_atomic(fcinfo, &set.given[0]);
	drop_snapshot();
	acquired = acquire_name_set(&set, &deadline, &tokens);
	return row_result(type, &tokens, (bool[]) {!acquired});
}
