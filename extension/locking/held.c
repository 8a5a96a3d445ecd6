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
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "registry/announce.h"

/* Most sessions hold one lock or two */
#define INITIAL_SIZE 8

/* No sweep below this number of entries */
#define MIN_SWEEP_SIZE 64

static HTAB *held_locks = NULL;
static long sweep_size = MIN_SWEEP_SIZE;

/* The innermost nest level that has transaction-level locks; 0: none has */
static int	innermost_level = 0;

static void at_transaction_end(XactEvent event, void *arg);
static void at_subtransaction_end(SubXactEvent event, SubTransactionId id,
								  SubTransactionId parent, void *arg);
static void at_session_end(int code, Datum arg);

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
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	before_shmem_exit(at_session_end, (Datum) 0);
}

/* Begin a new entry, or begin an entry anew. */
static void
reset(HeldLock *held, const NamedLock *lock)
{
	char	   *name = lock->name ? MemoryContextStrdup(TopMemoryContext, lock->name) : NULL;

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
	announce_released(&held->id, INSTR_TIME_GET_MICROSEC(duration));
	held->timed = false;
	if (held->permit)
		announce_permit_released();
}

static void
forget(HeldLock *held)
{
	if (held->timed)
		end_hold(held);
	else
		announce_nothing_held(&held->id);
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
 * tells whether we have taken it before and have held it ever since.
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
		*held = (HeldLock) {.key = lock->id.key, .id = lock->id};
	*known = found && any_hold_is_marked(&lock->tag);
	if (!*known)
	{
		end_hold(held);
		reset(held, lock);
	}
	else if (held->name && lock->name && strcmp(held->name, lock->name) != 0)
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
static bool
session_level(const HeldLock *held)
{
	return held->session_exclusive > 0 || held->session_shared > 0;
}

/* The token of a lock; false unless the session has held it ever since. */
bool
held_token(const NamedLock *lock, int64 *token)
{
	HeldLock   *held = held_find(lock);

	if (!held || !any_hold_is_marked(&held->tag))
		return false;
	*token = held->token;
	return true;
}

/* Write down one more hold, with the token it has; cannot fail. */
void
held_note(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token)
{
	mark_hold(local);
	held->token = token;
	held->permit |= form.permit;
	if (form.session)
		(*held_session_count(held, form.mode))++;
	else
	{
		innermost_level = GetCurrentTransactionNestLevel();
		if (held->transaction_level == 0)
			held->transaction_level = innermost_level;
	}
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
	if (!session_level(held) && held->transaction_level == 0)
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
	if (innermost_level == 0 && hash_get_num_entries(held_locks) > MIN_SWEEP_SIZE)
		return;
	innermost_level = 0;
	hash_seq_init(&scan, held_locks);
	while ((held = hash_seq_search(&scan)) != NULL)
	{
		held->transaction_level = 0;
		if (!session_level(held) || !lock_held_in_any_mode(&held->tag))
			forget(held);
	}
}

/*
 * A subtransaction of that nest level ends: its locks go right after this, or
 * become its parent's.
 */
static void
end_level(HeldLock *held, int level, bool committed)
{
	if (held->transaction_level < level)
		return;
	held->transaction_level = committed ? level - 1 : 0;
	if (!committed && !session_level(held))
		forget(held);
}

/* Costs nothing unless transaction-level locks were taken inside; cannot fail. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId id pg_attribute_unused(),
					  SubTransactionId parent pg_attribute_unused(),
					  void *arg pg_attribute_unused())
{
	int			level = GetCurrentTransactionNestLevel();
	HASH_SEQ_STATUS scan;
	HeldLock   *held;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	if (innermost_level < level)
		return;
	innermost_level = level - 1;
	hash_seq_init(&scan, held_locks);
	while ((held = hash_seq_search(&scan)) != NULL)
		end_level(held, level, event == SUBXACT_EVENT_COMMIT_SUB);
}

/* A look through all entries, begun by the first question */
typedef struct LostLocks
{
	bool		begun;
	HASH_SEQ_STATUS scan;
} LostLocks;

/*
 * The key of the next lock that the session is losing.  A lock whose acquire
 * was not completed was nobody's yet.
 */
static bool
next_lost_lock(void *arg, LockKey *key)
{
	LostLocks  *lost = arg;
	HeldLock   *held;

	if (!lost->begun)
		hash_seq_init(&lost->scan, held_locks);
	lost->begun = true;
	while ((held = hash_seq_search(&lost->scan)) != NULL)
	{
		if (!held->timed || !lock_held_in_any_mode(&held->tag))
			continue;
		*key = held->key;
		return true;
	}
	return false;
}

/*
 * The session ends.  What it still holds, it has not released: whoever asked
 * for a delay gets it now, before the locks go.
 */
static void
at_session_end(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	LostLocks	lost = {false};
	HASH_SEQ_STATUS scan;
	HeldLock   *held;

	keep_others_off(next_lost_lock, &lost);
	hash_seq_init(&scan, held_locks);
	while ((held = hash_seq_search(&scan)) != NULL)
		end_hold(held);
}
