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
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "registry/label.h"
#include "registry/names.h"
#include "base/settings.h"
#include "tokens/token.h"
#include "locking/wait.h"

const LockForm SESSION_EXCLUSIVE = {ExclusiveLock, true};
const LockForm SESSION_SHARED = {ShareLock, true};
const LockForm XACT_EXCLUSIVE = {ExclusiveLock, false};
const LockForm XACT_SHARED = {ShareLock, false};

/* A wait under way */
typedef struct Wait
{
	const NamedLock *lock;
	LockForm	form;
	bool		labelled;		/* by a label of the wait's own */
	LockAcquireResult result;
	int			session_lock_timeout;
	instr_time	start;
} Wait;

/* The word that users and the documentation have for a lock mode. */
const char *
lock_mode_name(LOCKMODE mode)
{
	return mode == ExclusiveLock ? "exclusive" : "shared";
}

/* Does this session hold the lock, by the lock manager's word? */
bool
lock_held_in_any_mode(const LOCKTAG *tag)
{
	return lock_held_by_me(tag, ExclusiveLock) || lock_held_by_me(tag, ShareLock);
}

/*
 * Core's messages about advisory locks show key numbers.  This adds the name,
 * to a deadlock report above all.
 */
static void
wait_error_context(void *arg)
{
	const Wait *wait = (const Wait *) arg;

	errcontext("while acquiring %s advisory lock \"%s\"",
			   lock_mode_name(wait->form.mode), wait->lock->name);
}

/*
 * Raise an error in a parallel operation, since a lock would die with its
 * worker.  name is NULL where all locks are meant.
 */
void
check_not_parallel(const char *name)
{
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 name ?
				 errmsg("cannot acquire or release advisory lock \"%s\" during a parallel operation",
						name) :
				 errmsg("cannot release advisory locks during a parallel operation"),
				 errhint("Mark the function that calls this one as PARALLEL UNSAFE.")));
}

/* Raise an error where the lock would not exclude those that it should. */
void
check_locking_allowed(const NamedLock *lock)
{
	check_not_parallel(lock->name);
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

/* Tell the other sessions that this one is going to wait. */
static void
begin_wait(Wait *wait)
{
	name_wanted(wait->lock);
	wait->labelled = !lock_held_in_any_mode(&wait->lock->tag);
	if (wait->labelled)
		label_put(&wait->lock->id, 0, 0, NO_TOKEN);
	INSTR_TIME_SET_CURRENT(wait->start);

	/* A catalog snapshot left over would hold back others meanwhile. */
	InvalidateCatalogSnapshotConditionally();
}

/* Tell them that it has ended. */
static void
end_wait(const Wait *wait)
{
	instr_time	duration;

	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, wait->start);
	name_waited(wait->lock, INSTR_TIME_GET_MICROSEC(duration));
	if (wait->labelled)
		label_remove(wait->lock->id.key);
}

/*
 * An error ended the wait, or struck in the instant of the grant.  Who waits
 * did not hold the lock in this mode, so if it is held now, it is released.
 */
static void
recover(const Wait *wait)
{
	LockTimeout = wait->session_lock_timeout;
	LockErrorCleanup();
	if (lock_held_by_me(&wait->lock->tag, wait->form.mode))
		LockRelease(&wait->lock->tag, wait->form.mode, wait->form.session);
	end_wait(wait);
}

/*
 * Wait in the queue, at most limit ms unless that is NO_TIME_LIMIT.
 *
 * The limit is put on core's lock timer for the time of the call by way of
 * LockTimeout, the variable behind the setting lock_timeout.  The setting
 * itself stays in force where there is no limit.
 */
static void
wait_in_queue(Wait *wait, int limit)
{
	MemoryContext caller_context = CurrentMemoryContext;

	PG_TRY();
	{
		if (limit != NO_TIME_LIMIT)
			LockTimeout = limit;
		wait->result = LockAcquire(&wait->lock->tag, wait->form.mode, wait->form.session, false);
		LockTimeout = wait->session_lock_timeout;

		/* A timer that struck in the instant of the grant must not hit later. */
		CHECK_FOR_INTERRUPTS();
		end_wait(wait);
	}
	PG_CATCH();
	{
		bool		timed_out = error_is_lock_timeout();

		recover(wait);
		if (timed_out && limit == NO_TIME_LIMIT)
			name_timed_out(wait->lock);
		if (!timed_out || limit == NO_TIME_LIMIT)
			PG_RE_THROW();

		/* Our own limit: the wait left nothing behind that an abort would mend. */
		MemoryContextSwitchTo(caller_context);
		FlushErrorState();
		wait->result = LOCKACQUIRE_NOT_AVAIL;
	}
	PG_END_TRY();
}

/*
 * Acquire the lock, waiting until the deadline at most.  *waited tells whether
 * it had to wait at all.
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
 * Leans on LockAcquire(), which waits in the lock queue.
 */
LockAcquireResult
wait_for_lock(const NamedLock *lock, LockForm form, const Deadline *deadline, bool *waited)
{
	Wait		wait = {
		.lock = lock, .form = form, .session_lock_timeout = LockTimeout
	};
	ErrorContextCallback context = {error_context_stack, wait_error_context, &wait};
	int			limit = deadline_remaining_ms(deadline);

	error_context_stack = &context;
	wait.result = LockAcquire(&lock->tag, form.mode, form.session, true);
	*waited = wait.result == LOCKACQUIRE_NOT_AVAIL && limit != 0;
	if (*waited)
	{
		begin_wait(&wait);
		wait_in_queue(&wait, limit);
	}
	error_context_stack = context.previous;
	return wait.result;
}

/* Sleep for so many ms, or less. */
void
sleep_ms(int64 ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(ms, PG_INT32_MAX), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}
