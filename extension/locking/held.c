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
 * The entries of the last locks that were released are kept, since they are
 * likely to be taken again.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "registry/announce.h"
#include "tokens/number.h"

/* Most sessions hold one lock or two */
#define INITIAL_SIZE 8

/* No sweep below this number of entries in use */
#define MIN_SWEEP_SIZE 64

/* Entries kept of locks that were released: as many as were in use at once */
#define LEAST_RELEASED_KEPT 128
#define MOST_RELEASED_KEPT 8192

static HTAB *held_locks = NULL;

/* All of its entries, the ones used last first */
static dlist_head in_use = DLIST_STATIC_INIT(in_use);
static dlist_head released = DLIST_STATIC_INIT(released);
static long count_in_use = 0;
static long count_released = 0;
static long released_kept = LEAST_RELEASED_KEPT;

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

/* The name of a lock, for as long as the session lasts; NULL if it has none. */
static char *
copy_of_name(const NamedLock *lock)
{
	return lock->name ? MemoryContextStrdup(TopMemoryContext, lock->name) : NULL;
}

/* From now on the entry, which is not in use, is of this name. */
static void
rename_entry(HeldLock *held, const NamedLock *lock)
{
	char	   *name = copy_of_name(lock);

	if (held->name)
		pfree(held->name);
	held->name = name;
	held->id = lock->id;
	held->tag = lock->tag;
}

/* Begin the entry anew. */
static void
reset(HeldLock *held)
{
	held->token = NO_TOKEN;
	held->permit = false;
	held->transaction_level = 0;
	held->session_exclusive = held->session_shared = 0;
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
remove_entry(HeldLock *held)
{
	dlist_delete(&held->node);
	count_released--;
	if (held->name)
		pfree(held->name);
	held->id = (NameId) {0};	/* hints may still lead to it */
	hash_search(held_locks, &held->key, HASH_REMOVE, NULL);
}

/* The entry is used no longer; of those which are not, keep the latest. */
static void
forget(HeldLock *held)
{
	if (held->timed)
		end_hold(held);
	else
		announce_nothing_held(&held->id);
	if (held->released)
		return;
	held->released = true;
	dlist_delete(&held->node);
	dlist_push_head(&released, &held->node);
	count_in_use--;
	if (++count_released > released_kept)
		remove_entry(dlist_tail_element(HeldLock, node, &released));
}

static inline void
use(HeldLock *held)
{
	if (!held->released)
		return;
	held->released = false;
	dlist_delete(&held->node);
	dlist_push_head(&in_use, &held->node);
	count_released--;
	if (++count_in_use > released_kept && count_in_use <= MOST_RELEASED_KEPT)
		released_kept = count_in_use;
}

/* Forget the entry unless the lock is held. */
void
held_forget_if_free(HeldLock *held)
{
	if (!lock_held_in_any_mode(&held->tag))
		forget(held);
}

/*
 * Forget what is no longer held, once there is twice as much as the last time,
 * so that it stays in proportion.  Invalidates pointers to entries of locks
 * that are not held.
 */
void
held_sweep(void)
{
	dlist_mutable_iter iter;

	if (count_in_use < sweep_size)
		return;
	dlist_foreach_modify(iter, &in_use)
		held_forget_if_free(dlist_container(HeldLock, node, iter.cur));
	sweep_size = Max(MIN_SWEEP_SIZE, 2 * count_in_use);
}

static HeldLock *
look_up(const LockKey *key)
{
	return held_locks ? hash_search(held_locks, key, HASH_FIND, NULL) : NULL;
}

/* The entry of a lock, in use or not, where the hint does not lead to; or NULL. */
HeldLock *
held_search(const NamedLock *lock)
{
	HeldLock   *held = look_up(&lock->id.key);

	if (lock->hints)
		lock->hints->held = held;
	return held;
}

/* The name under which this session holds a key, or NULL. */
const char *
held_name(LockKey key)
{
	HeldLock   *held = look_up(&key);

	return held && !held->released ? held->name : NULL;
}

/* The entry of a lock, made if need be; a new one is not in use, nor of a name. */
static HeldLock *
find_or_add_entry(const NamedLock *lock)
{
	HeldLock   *held = held_by_hint(lock);
	bool		found;

	if (held)
		return held;
	if (!held_locks)
		create_table();
	held = hash_search(held_locks, &lock->id.key, HASH_ENTER, &found);
	if (!found)
	{
		*held = (HeldLock) {.key = lock->id.key, .released = true};
		dlist_push_head(&released, &held->node);
		count_released++;
	}
	if (lock->hints)
		lock->hints->held = held;
	return held;
}

/*
 * The entry of a lock, made if need be, before the lock is acquired.  *known
 * tells whether we have taken it before and have held it ever since.
 */
HeldLock *
held_enter(const NamedLock *lock, bool *known)
{
	HeldLock   *held = find_or_add_entry(lock);

	*known = !held->released && any_hold_is_marked(&lock->tag);
	if (!*known)
	{
		end_hold(held);
		if (!name_id_equal(&held->id, &lock->id))
			rename_entry(held, lock);
		reset(held);
		use(held);
	}
	else if (held->name && lock->name && strcmp(held->name, lock->name) != 0)
		warn_of_collision(held->name, lock->name);
	return held;
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

/* The same for an entry that was not in use. */
void
held_note_first(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token)
{
	reset(held);
	use(held);
	held_note(held, form, local, token);
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

/* The entries in use; the caller may forget the one that it has come to. */
dlist_head *
held_in_use(void)
{
	return &in_use;
}

/*
 * Transaction-level locks are released right after this, and session-level
 * locks may have been released behind our back.
 */
static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	dlist_mutable_iter iter;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;

	/* Whoever holds very many session-level locks is spared the look at all. */
	if (innermost_level == 0 && count_in_use > MIN_SWEEP_SIZE)
		return;
	innermost_level = 0;
	dlist_foreach_modify(iter, &in_use)
	{
		HeldLock   *held = dlist_container(HeldLock, node, iter.cur);

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
	dlist_mutable_iter iter;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	if (innermost_level < level)
		return;
	innermost_level = level - 1;
	dlist_foreach_modify(iter, &in_use)
		end_level(dlist_container(HeldLock, node, iter.cur), level,
				  event == SUBXACT_EVENT_COMMIT_SUB);
}

/*
 * The key of the next lock that the session is losing.  A lock whose acquire
 * was not completed was nobody's yet.
 */
static bool
next_lost_lock(void *arg, LockKey *key)
{
	dlist_node **node = arg;

	while (*node != &in_use.head)
	{
		HeldLock   *held = dlist_container(HeldLock, node, *node);

		*node = held->node.next;
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
	dlist_node *node = in_use.head.next;
	dlist_iter	iter;

	keep_others_off(next_lost_lock, &node);
	dlist_foreach(iter, &in_use)
		end_hold(dlist_container(HeldLock, node, iter.cur));
}
