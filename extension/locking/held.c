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

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "registry/label.h"
#include "registry/names.h"
#include "locking/permit.h"

/* Most sessions hold one lock or two */
#define INITIAL_SIZE 8

/* No sweep below this number of entries */
#define MIN_SWEEP_SIZE 64

static HTAB *held_locks = NULL;
static long sweep_size = MIN_SWEEP_SIZE;

/* Was a transaction-level lock taken in this transaction? */
static bool transaction_level = false;

static void at_transaction_end(XactEvent event, void *arg);

static void
create_table(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(LockKey),
		.entrysize = sizeof(HeldLock),
		.hcxt = AllocSetContextCreate(TopMemoryContext, "advisory_lock held locks",
									  ALLOCSET_DEFAULT_SIZES)
	};

	held_locks = hash_create("advisory_lock held locks", INITIAL_SIZE, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	RegisterXactCallback(at_transaction_end, NULL);
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
	*held = (HeldLock) {
		.key = lock->id.key, .name = name, .id = lock->id, .tag = lock->tag
	};
}

/* The lock is no longer held: tell the others. */
static void
end_hold(HeldLock *held)
{
	instr_time	duration;

	if (!held->timed)
		return;
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, held->since);
	name_released(&held->id, INSTR_TIME_GET_MICROSEC(duration));
	held->timed = false;
	if (held->permit)
		permit_released();
}

static void
forget(HeldLock *held)
{
	end_hold(held);
	label_remove(held->key);
	if (held->name)
		pfree(held->name);
	hash_search(held_locks, &held->key, HASH_REMOVE, NULL);
}

/* Remove the entry unless the lock is held. */
void
held_forget_if_free(HeldLock *held)
{
	if (!lock_held_in_any_mode(&held->tag))
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
	return hash_search(held_locks, &lock->id.key, HASH_FIND, NULL);
}

/* The name under which this session knows a key, or NULL. */
const char *
held_name(LockKey key)
{
	HeldLock   *held = held_locks ? hash_search(held_locks, &key, HASH_FIND, NULL) : NULL;

	return held ? held->name : NULL;
}

/*
 * The entry of a lock, made if need be, before the lock is acquired.  *known
 * tells whether we have taken it before and hold it still.
 */
HeldLock *
held_enter(const NamedLock *lock, bool *known)
{
	HeldLock   *held;
	bool		found;

	if (!held_locks)
		create_table();
	held = hash_search(held_locks, &lock->id.key, HASH_ENTER, &found);
	if (!found)
		*held = (HeldLock) {.key = lock->id.key};
	*known = found && lock_held_in_any_mode(&held->tag);
	if (!*known)
	{
		end_hold(held);
		reset(held, lock);
	}
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

/* Did we take the lock for the session, and not give it back? */
bool
held_session_level(const HeldLock *held)
{
	return held->session_exclusive > 0 || held->session_shared > 0;
}

/* Write down one more hold, with the token it has; cannot fail. */
void
held_note(HeldLock *held, LockForm form, int64 token)
{
	held->token = token;
	if (form.session)
		(*held_session_count(held, form.mode))++;
	else
		held->transaction_level = transaction_level = true;
	if (!held->timed)
	{
		held->timed = true;
		INSTR_TIME_SET_CURRENT(held->since);
	}
}

/* Write down that the lock was released once. */
void
held_note_release(HeldLock *held, LOCKMODE mode)
{
	int		   *count = held_session_count(held, mode);

	if (*count > 0)
		(*count)--;
	if (!held_session_level(held) && !held->transaction_level)
		forget(held);
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

/*
 * Transaction-level locks are released right after this, and session-level
 * locks may have been released behind our back.
 */
static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	HASH_SEQ_STATUS scan;
	HeldLock   *held;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (hash_get_num_entries(held_locks) == 0)
		return;

	/* Whoever holds very many session-level locks is spared the look at all. */
	if (!transaction_level && hash_get_num_entries(held_locks) > MIN_SWEEP_SIZE)
		return;
	transaction_level = false;
	hash_seq_init(&scan, held_locks);
	while ((held = hash_seq_search(&scan)) != NULL)
	{
		held->transaction_level = false;
		if (!held_session_level(held) || !lock_held_in_any_mode(&held->tag))
			forget(held);
	}
}

/*
 * The session ends.  What it still holds, it has not released: whoever asked
 * for a delay gets it now, before the locks go.
 */
void
held_end_all(void)
{
	HASH_SEQ_STATUS scan;
	HeldLock   *held;

	if (!held_scan_start(&scan))
		return;
	while ((held = hash_seq_search(&scan)) != NULL)
	{
		if (lock_held_in_any_mode(&held->tag))
			delay_begin(held->key);
		end_hold(held);
	}
}
