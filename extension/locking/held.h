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

#include "utils/hsearch.h"

#include "locking/wait.h"

/*
 * A lock that this session took through the extension, and may have lost
 * since: see lock_held_in_any_mode().
 */
typedef struct HeldLock
{
	LockKey		key;			/* hash key, must be first */
	char	   *name;
	NameId		id;
	LOCKTAG		tag;
	int64		token;			/* 0: none, taken on a standby */
	bool		permit;			/* others may be polling for it */
	bool		transaction_level;	/* held until the transaction ends, too */
	bool		timed;			/* held since: */
	instr_time	since;

	/* How often it is to be unlocked, as far as we know */
	int			session_exclusive;
	int			session_shared;
} HeldLock;

extern void warn_of_collision(const char *held, const char *wanted);
extern void held_sweep(void);
extern HeldLock *held_enter(const NamedLock *lock, bool *known);
extern HeldLock *held_find(const NamedLock *lock);
extern const char *held_name(LockKey key);
extern int *held_session_count(HeldLock *held, LOCKMODE mode);
extern bool held_session_level(const HeldLock *held);
extern void held_note(HeldLock *held, LockForm form, int64 token);
extern void held_note_release(HeldLock *held, LOCKMODE mode);
extern void held_forget_if_free(HeldLock *held);
extern void held_end_all(void);
extern bool held_scan_start(HASH_SEQ_STATUS *scan);

#endif							/* HELD_H */
