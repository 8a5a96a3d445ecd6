/*-------------------------------------------------------------------------
 *
 * held.h
 *	  What this session holds, by name.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef HELD_H
#define HELD_H

#include "lib/ilist.h"
#include "portability/instr_time.h"

#include "base/key.h"
#include "base/mode.h"

/*
 * A lock that this session took through the extension, and may have lost
 * since: see hold_is_marked().  Or one that it has released, which it may take
 * again.
 */
typedef struct HeldLock
{
	LockKey		key;			/* hash key, must be first */
	bool		released;		/* in the list of those, else of those in use */
	dlist_node	node;
	char	   *name;			/* NULL: taken by its key */
	NameId		id;				/* of the name; all zeros in an entry removed */
	LOCKTAG		tag;
	int64		token;			/* 0: none, taken on a standby */
	bool		permit;			/* others may be polling for it */
	int			transaction_level;	/* held until the (sub)transaction of that nest level
									 * ends, the outermost of several; 0: not so */
	bool		timed;			/* held since: */
	instr_time	since;

	/* How often it is to be unlocked, as far as we know */
	int			session_exclusive;
	int			session_shared;
} HeldLock;

extern void held_sweep(void);
extern HeldLock *held_enter(const NamedLock *lock, bool *known);
extern HeldLock *held_search(const NamedLock *lock);
extern const char *held_name(LockKey key);
extern bool held_token(const NamedLock *lock, int64 *token);
extern void held_note(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token);
extern void held_note_first(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token);
extern void held_note_release(HeldLock *held, LOCKMODE mode);
extern void held_forget_if_free(HeldLock *held);
extern dlist_head *held_in_use(void);

/*
 * The entry of a lock, in use or not, where the hint leads to; or NULL.  It may
 * lead to an entry that has become another lock's or nobody's, but not to
 * anything else: the table gives no memory back.
 */
static inline HeldLock *
held_by_hint(const NamedLock *lock)
{
	HeldLock   *held = lock->hints ? lock->hints->held : NULL;

	return held && name_id_equal(&held->id, &lock->id) ? held : NULL;
}

/* The entry of a lock that is in use, or NULL. */
static inline HeldLock *
held_find(const NamedLock *lock)
{
	HeldLock   *held = held_by_hint(lock);

	if (!held)
		held = held_search(lock);
	return held && !held->released ? held : NULL;
}

/* The counter of session-level holds in a mode. */
static inline int *
held_session_count(HeldLock *held, LOCKMODE mode)
{
	return mode == ExclusiveLock ? &held->session_exclusive : &held->session_shared;
}

#endif							/* HELD_H */
