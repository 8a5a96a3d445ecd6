/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waiting for a lock without ever leaking it.
 *
 * All waiting happens in PostgreSQL's own lock queue: first come, first
 * served, seen by the deadlock detector, shown in pg_locks.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "settings.h"
#include "wait.h"

const LockForm SESSION_EXCLUSIVE = {ExclusiveLock, true};
const LockForm SESSION_SHARED = {ShareLock, true};
const LockForm XACT_EXCLUSIVE = {ExclusiveLock, false};
const LockForm XACT_SHARED = {ShareLock, false};

/* What the error context callback tells */
typedef struct WaitContext
{
	const char *name;
	LOCKMODE	mode;
} WaitContext;

/* The word that users and the documentation have for a lock mode. */
const char *
lock_mode_name(LOCKMODE mode)
{
	return mode == ExclusiveLock ? "exclusive" : "shared";
}

/*
 * Core's messages about advisory locks show key numbers.  This adds the name,
 * to a deadlock report above all.
 */
static void
wait_error_context(void *arg)
{
	WaitContext *wait = (WaitContext *) arg;

	errcontext("while acquiring %s advisory lock \"%s\"",
			   lock_mode_name(wait->mode), wait->name);
}

/* Raise an error where a lock would exclude nobody, or die with its worker. */
void
check_locking_allowed(const NamedLock *lock)
{
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot acquire or release advisory lock \"%s\" during a parallel operation",
						lock->name)));
	if (RecoveryInProgress() && !allow_standby)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot acquire advisory lock \"%s\" on a standby server", lock->name),
				 errdetail("Advisory locks are local to a server, so this one would exclude nobody on the primary."),
				 errhint("Connect to the primary, or set advisory_lock.allow_standby to lock among the sessions of this standby alone.")));
}

/* Was the error that is being handled raised by core's lock timer? */
static bool
error_is_lock_timeout(void)
{
	return geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE;
}

/*
 * Acquire the lock, waiting until the deadline at most.
 *
 * Returns
 *		LOCKACQUIRE_OK				granted
 *		LOCKACQUIRE_ALREADY_HELD	granted once more
 *		LOCKACQUIRE_NOT_AVAIL		the time ran out; holds what it held before
 *
 * On any error, the session holds what it held before.  Core alone does not
 * promise that: a lock granted in the instant in which a timeout or a cancel
 * strikes is recorded by LockErrorCleanup(), and if it is session-level, then
 * no abort of the transaction releases it.
 *
 * The limit is put on core's lock timer for the time of the call by way of
 * LockTimeout, the variable behind the setting lock_timeout.  The setting
 * itself stays in force where the deadline is NEVER.
 *
 * Leans on LockAcquire(), which waits in the lock queue.
 */
LockAcquireResult
wait_for_lock(const NamedLock *lock, LockForm form, const Deadline *deadline)
{
	MemoryContext caller_context = CurrentMemoryContext;
	bool		held_before = lock_held_by_me(&lock->tag, form.mode);
	int			limit = deadline_remaining_ms(deadline);
	int			session_lock_timeout = LockTimeout;
	volatile LockAcquireResult result = LOCKACQUIRE_NOT_AVAIL;
	WaitContext wait = {lock->name, form.mode};
	ErrorContextCallback context = {error_context_stack, wait_error_context, &wait};

	error_context_stack = &context;

	/* A catalog snapshot left over would hold back others while we wait. */
	InvalidateCatalogSnapshotConditionally();

	PG_TRY();
	{
		if (limit != NO_TIME_LIMIT)
			LockTimeout = limit;
		result = LockAcquire(&lock->tag, form.mode, form.session, limit == 0);
		LockTimeout = session_lock_timeout;

		/* A timer that struck in the instant of the grant must not hit later. */
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		LockTimeout = session_lock_timeout;
		LockErrorCleanup();
		if (result != LOCKACQUIRE_NOT_AVAIL ||
			(!held_before && lock_held_by_me(&lock->tag, form.mode)))
			LockRelease(&lock->tag, form.mode, form.session);

		if (limit == NO_TIME_LIMIT || !error_is_lock_timeout())
			PG_RE_THROW();

		/* Our own limit: the wait left nothing behind that an abort would mend. */
		MemoryContextSwitchTo(caller_context);
		FlushErrorState();
		result = LOCKACQUIRE_NOT_AVAIL;
	}
	PG_END_TRY();

	error_context_stack = context.previous;
	return result;
}
