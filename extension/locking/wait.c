/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waiting for a lock without ever leaking it.
 *
 * Who waits for a lock stands in PostgreSQL's own lock queue: first come, first
 * served, seen by the deadlock detector, shown in pg_locks.  Two things are
 * awaited outside of it, by who has come to the head of a queue: one of several
 * permits (permit.c), and the end of a delay (delay.c).
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

#include "base/compat.h"
#include "base/settings.h"
#include "base/title.h"
#include "base/tools.h"
#include "locking/wait.h"
#include "registry/announce.h"

/* A wait under way */
typedef struct Wait
{
	const NamedLock *lock;
	LockForm	form;
	bool		held;			/* in another mode */
	WaitResult	result;
	int			session_lock_timeout;
	instr_time	start;
} Wait;

/*
 * Core's messages about advisory locks show key numbers.  This adds the name,
 * to a deadlock report above all.
 */
static void
wait_error_context(void *arg)
{
	const Wait *wait = (const Wait *) arg;

	errcontext("while acquiring %s advisory lock %s",
			   lock_mode_name(wait->form.mode), prepared_title(wait->lock));
}

/*
 * Raise an error in a parallel operation, since a lock would die with its
 * worker.  lock is NULL where all locks are meant.
 */
void
check_not_parallel(const NamedLock *lock)
{
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 lock ?
				 errmsg("cannot acquire or release advisory lock %s during a parallel operation",
						lock_title(lock)) :
				 errmsg("cannot release advisory locks during a parallel operation"),
				 errhint("Mark the function that calls this one as PARALLEL UNSAFE.")));
}

/* Raise an error where the lock would not exclude those that it should. */
void
check_locking_allowed(const NamedLock *lock)
{
	check_not_parallel(lock);
	if (RecoveryInProgress() && !allow_standby)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot acquire advisory lock %s on a standby server", lock_title(lock)),
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
	if (!wait->lock->name)
		prepare_tools();		/* for the context of an error */
	wait->held = lock_held_in_any_mode(&wait->lock->tag);
	announce_wanted(wait->lock, wait->held);
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
	announce_waited(wait->lock, wait->held, INSTR_TIME_GET_MICROSEC(duration));
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

/* Ask core for the lock. */
static void
acquire(Wait *wait, bool dont_wait)
{
	WaitResult *result = &wait->result;
	LockAcquireResult answer = lock_acquire(&wait->lock->tag, wait->form.mode, wait->form.session,
											dont_wait, true, &result->local);

	result->granted = answer != LOCKACQUIRE_NOT_AVAIL;
	result->marked = answer == LOCKACQUIRE_ALREADY_CLEAR;
	result->again = result->marked || answer == LOCKACQUIRE_ALREADY_HELD;
}

/*
 * Wait in the queue, at most limit ms unless that is NO_TIME_LIMIT.
 *
 * The limit is put on core's lock timer for the time of the call by way of
 * LockTimeout, the variable behind the setting lock_timeout, where 0 is none.
 * The setting itself is in the limit already, if it counts.
 */
static void
wait_in_queue(Wait *wait, int limit)
{
	MemoryContext caller_context = CurrentMemoryContext;

	PG_TRY();
	{
		LockTimeout = limit == NO_TIME_LIMIT ? 0 : limit;
		acquire(wait, false);
		LockTimeout = wait->session_lock_timeout;

		/* A timer that struck in the instant of the grant must not hit later. */
		CHECK_FOR_INTERRUPTS();
		end_wait(wait);
	}
	PG_CATCH();
	{
		bool		timed_out = error_is_lock_timeout();

		recover(wait);
		if (!timed_out || limit == NO_TIME_LIMIT)
			PG_RE_THROW();

		/* The limit: the wait left nothing behind that an abort would mend. */
		MemoryContextSwitchTo(caller_context);
		FlushErrorState();
		wait->result = (WaitResult) {.waited = true};
	}
	PG_END_TRY();
}

/*
 * Acquire the lock, waiting until the deadline at most; if that passes, it is
 * not granted.
 *
 * Then, and on any error, the session holds what it held before.  Core alone
 * does not promise that: a lock granted in the instant in which a timeout or a
 * cancel strikes is recorded by LockErrorCleanup(), and if it is
 * session-level, then no abort of the transaction releases it.
 *
 * Leans on LockAcquire(), which waits in the lock queue.
 */
WaitResult
queue_for_lock(const NamedLock *lock, LockForm form, const Deadline *deadline)
{
	Wait		wait = {
		.lock = lock, .form = form, .session_lock_timeout = LockTimeout
	};
	ErrorContextCallback context = {error_context_stack, wait_error_context, &wait};
	int			limit;

	error_context_stack = &context;
	acquire(&wait, true);
	if (!wait.result.granted && (limit = deadline_remaining_ms(deadline)) != 0)
	{
		wait.result.waited = true;
		begin_wait(&wait);
		wait_in_queue(&wait, limit);
	}
	error_context_stack = context.previous;
	return wait.result;
}
