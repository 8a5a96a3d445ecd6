/*-------------------------------------------------------------------------
 *
 * mode.c
 *	  The ways to hold a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/mode.h"

const LockForm SESSION_EXCLUSIVE = {.mode = ExclusiveLock, .session = true};
const LockForm SESSION_SHARED = {.mode = ShareLock, .session = true};
const LockForm SESSION_PERMIT = {.mode = ExclusiveLock, .session = true, .permit = true};
const LockForm XACT_EXCLUSIVE = {.mode = ExclusiveLock};
const LockForm XACT_SHARED = {.mode = ShareLock};

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
 * Marks tell a hold that has lasted from one that was given up and taken again
 * behind our back, by pg_advisory_unlock() and pg_advisory_lock() say.  Core
 * has an entry for each lock and mode that this session holds, from the first
 * acquire to the last release, whoever does them, and a mark on it that it
 * uses for relations only: MarkLockClear().
 */
void
mark_hold(LOCALLOCK *local)
{
	MarkLockClear(local);
}

/*
 * Has the session held the lock in that mode ever since mark_hold()?  Core
 * tells a mark only to who acquires, so this acquires once more.  It can run
 * out of memory, so it is not for the end of a transaction or session.
 */
bool
hold_is_marked(const LOCKTAG *tag, LOCKMODE mode)
{
	LockAcquireResult result;

	if (!lock_held_by_me(tag, mode))
		return false;
	result = LockAcquire(tag, mode, true, true);
	LockRelease(tag, mode, true);
	return result == LOCKACQUIRE_ALREADY_CLEAR;
}

/* The same in either mode. */
bool
any_hold_is_marked(const LOCKTAG *tag)
{
	return hold_is_marked(tag, ExclusiveLock) || hold_is_marked(tag, ShareLock);
}
