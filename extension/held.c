/*-------------------------------------------------------------------------
 *
 * held.c
 *	  What this session holds, by name.
 *
 * A label on the lock manager's own tables, never a replacement for them:
 * DISCARD ALL, pg_advisory_unlock_all(), pg_advisory_unlock() and the end of a
 * transaction release locks without telling us.  So every question "is it
 * held?" goes to the lock manager, and entries that it no longer confirms are
 * swept out when the table has grown.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "held.h"

/* No sweep below this number of entries */
#define MIN_SWEEP_SIZE 64

static HTAB *held_locks = NULL;
static long sweep_size = MIN_SWEEP_SIZE;

static void
create_table(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(LockKey),
		.entrysize = sizeof(HeldLock),
		.hcxt = AllocSetContextCreate(TopMemoryContext, "advisory_lock held locks",
									  ALLOCSET_DEFAULT_SIZES)
	};

	held_locks = hash_create("advisory_lock held locks", MIN_SWEEP_SIZE, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Does this session hold it in any mode, by the lock manager's word? */
bool
held_now(const HeldLock *held)
{
	return lock_held_by_me(&held->tag, ExclusiveLock) ||
		lock_held_by_me(&held->tag, ShareLock);
}

/* Two names, one key: they exclude each other, which somebody should know. */
void
warn_of_collision(const char *held, const char *wanted)
{
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("advisory lock names \"%s\" and \"%s\" have the same key",
					held, wanted),
			 errdetail("They are one lock: whoever holds the one keeps others off the other."),
			 errhint("Rename one of them.")));
}

/* Begin a new entry, or begin an entry anew. */
static void
reset(HeldLock *held, const NamedLock *lock)
{
	char	   *name = MemoryContextStrdup(TopMemoryContext, lock->name);

	if (held->name)
		pfree(held->name);
	*held = (HeldLock) {.key = lock->key, .name = name, .tag = lock->tag};
}

static void
forget(HeldLock *held)
{
	if (held->name)
		pfree(held->name);
	hash_search(held_locks, &held->key, HASH_REMOVE, NULL);
}

/* Remove the entry unless the lock is held. */
void
held_forget_if_free(HeldLock *held)
{
	if (!held_now(held))
		forget(held);
}

/*
 * Remove what is no longer held, once the table has doubled since the last
 * time, so that it stays in proportion.  Invalidates pointers to entries of
 * locks that are not held.
 */
void
held_sweep(void)
{
	HASH_SEQ_STATUS scan;
	HeldLock   *held;

	if (!held_locks || hash_get_num_entries(held_locks) < sweep_size)
		return;
	hash_seq_init(&scan, held_locks);
	while ((held = hash_seq_search(&scan)) != NULL)
		held_forget_if_free(held);
	sweep_size = Max(MIN_SWEEP_SIZE, 2 * hash_get_num_entries(held_locks));
}

/* The entry of a lock, or NULL. */
HeldLock *
held_find(const NamedLock *lock)
{
	if (!held_locks)
		return NULL;
	return hash_search(held_locks, &lock->key, HASH_FIND, NULL);
}

/* The entry of a lock, made if need be, before the lock is acquired. */
HeldLock *
held_enter(const NamedLock *lock)
{
	HeldLock   *held;
	bool		found;

	if (!held_locks)
		create_table();
	held = hash_search(held_locks, &lock->key, HASH_ENTER, &found);
	if (!found)
		held->name = NULL;
	if (!found || !held_now(held))
		reset(held, lock);
	else if (strcmp(held->name, lock->name) != 0)
		warn_of_collision(held->name, lock->name);
	return held;
}

/* The counter of session-level holds in a mode. */
int *
held_session_count(HeldLock *held, LOCKMODE mode)
{
	return mode == ExclusiveLock ? &held->session_exclusive : &held->session_shared;
}

/* Begin to go through all entries; false if there are none. */
bool
held_scan_start(HASH_SEQ_STATUS *scan)
{
	if (!held_locks)
		return false;
	hash_seq_init(scan, held_locks);
	return true;
}
