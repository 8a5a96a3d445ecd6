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

#include "portability/instr_time.h"
#include "utils/hsearch.h"

#include "base/key.h"
#include "base/mode.h"

/*
 * A lock that this session took through the extension, and may have lost
 * since: see hold_is_marked().
 */
typedef struct HeldLock
{
	LockKey		key;			/* hash key, must be first */
	char	   *name;			/* NULL: taken by its key */
	NameId		id;
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
extern HeldLock *held_find(const NamedLock *lock);
extern const char *held_name(LockKey key);
extern int *held_session_count(HeldLock *held, LOCKMODE mode);
extern bool held_token(const NamedLock *lock, int64 *token);
extern void held_note(HeldLock *held, LockForm form, LOCALLOCK *local, int64 token);
extern void held_note_release(HeldLock *held, LOCKMODE mode);
extern void held_forget_if_free(HeldLock *held);
extern bool held_scan_start(HASH_SEQ_STATUS *scan);

#endif							/* HELD_H */
