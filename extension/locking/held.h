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
extern HeldLock *held_released(const NamedLock *lock);
extern HeldLock *held_find(const NamedLock *lock);
extern const char *held_name(LockKey key);
extern int *held_session_count(HeldLock *held, LOCKMODE mode);
extern bool held_token(const NamedLock *lock, int64 *token);
extern void held_use(HeldLock *held);
extern void held_note(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token);
extern void held_note_release(HeldLock *held, LOCKMODE mode);
extern void held_forget_if_free(HeldLock *held);
extern dlist_head *held_in_use(void);

#endif							/* HELD_H */
