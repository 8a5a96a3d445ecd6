/*-------------------------------------------------------------------------
 *
 * awaited.c
 *	  Telling that any one of several locks is awaited.
 *
 * The lock table can say that a process waits for a lock, but not that it
 * waits for whichever of several comes first, as the head of a permit queue
 * does.  It says so by marks: advisory locks with the keys of those locks, in
 * a key space of their own, that exclude nobody.  All sessions see them, with
 * and without the registry, and they go with the wait, the transaction or the
 * process, whatever ends it.
 *
 * Marks are a courtesy: if the lock table has no room for all of them, then
 * there are none.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "locking/awaited.h"

/* The key space; core has 1 and 2, see base/key.c */
#define AWAITED 21878

/* More marks than this would be a burden to the lock table */
#define MAX_MARKS 256

static LOCKTAG
mark_of(const NamedLock *lock)
{
	LOCKTAG		mark = lock->tag;

	mark.locktag_field4 = AWAITED;
	return mark;
}

/* The lock that a mark is about; false if that is not a mark. */
bool
awaited_tag(const LOCKTAG *mark, LOCKTAG *tag)
{
	if (mark->locktag_type != LOCKTAG_ADVISORY || mark->locktag_field4 != AWAITED)
		return false;
	*tag = *mark;
	tag->locktag_field4 = 2;
	return true;
}

/*
 * Take off the first so many marks; one that is not there does not matter.
 */
void
unmark_awaited(const NamedLock *locks, int count)
{
	for (int i = 0; i < count; i++)
	{
		LOCKTAG		mark = mark_of(&locks[i]);

		if (lock_held_by_me(&mark, ShareLock))
			LockRelease(&mark, ShareLock, false);
	}
}

/* Put a mark on each lock; they last for the transaction at most. */
void
mark_awaited(const NamedLock *locks, int count)
{
	for (int i = 0; i < count && count <= MAX_MARKS; i++)
	{
		LOCKTAG		mark = mark_of(&locks[i]);
		LOCALLOCK  *local;

		if (lock_acquire(&mark, ShareLock, false, true, false, &local) == LOCKACQUIRE_NOT_AVAIL)
		{
			unmark_awaited(locks, i);
			return;
		}
	}
}
