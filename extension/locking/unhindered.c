/*-------------------------------------------------------------------------
 *
 * unhindered.c
 *	  An acquire with nothing in its way.
 *
 * Most acquires are of a lock that is free, by a name that this session has
 * released before, while nobody is kept off anything.  These are the steps of
 * acquire.c where that is all so.  Nothing in here can fail or has to wait, so
 * there is nothing to undo but the grant.
 *
 * Whatever is in the way is left to acquire.c, as if nothing had been done.
 * What it says of an acquire is true of this one.
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

#include "base/compat.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "locking/lease.h"
#include "locking/unhindered.h"
#include "registry/announce.h"
#include "tokens/number.h"
#include "tokens/token.h"

/*
 * Is there nothing in the way, as far as that is known before the lock is
 * granted?  What says no again and again has to say it here, since to take the
 * lock in vain costs as much as to take it.
 */
static bool
is_unhindered(const NamedLock *lock)
{
	return nothing_is_to_wait_out() && can_announce_at_once(lock) &&
		!IsInParallelMode() && !RecoveryInProgress();
}

/*
 * Having been granted the lock, which the session did not hold: is there still
 * nothing to wait for, and has it got its token, and do the others know?
 */
static bool
complete(const NamedLock *lock, int64 *token)
{
	return nothing_is_to_wait_out() && !INTERRUPTS_PENDING_CONDITION() &&
		(*token = token_draw_at_once()) != NO_TOKEN &&
		announce_acquired_at_once(lock, *token);
}

/*
 * Acquire the lock, if that is all so.  False if it is not, or there was no
 * memory for it: then nothing has changed, and acquire.c has to see.
 */
bool
acquire_unhindered(const NamedLock *lock, LockForm form, int64 *token)
{
	HeldLock   *held = held_by_hint(lock);
	LOCALLOCK  *local;
	LockAcquireResult answer;

	if (!held || !held->released || !is_unhindered(lock))
		return false;
	if (form.session)
		check_lease_over(lock);
	answer = lock_acquire(&lock->tag, form.mode, form.session, true, false, &local);
	if (answer == LOCKACQUIRE_OK && complete(lock, token))
	{
		held_note_first(held, form, local, *token);
		return true;
	}
	if (answer != LOCKACQUIRE_NOT_AVAIL)
		LockRelease(&lock->tag, form.mode, form.session);
	return false;
}
