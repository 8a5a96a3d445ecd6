/*-------------------------------------------------------------------------
 *
 * mode.h
 *	  The ways to hold a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef MODE_H
#define MODE_H

#include "storage/lock.h"

/* How a lock is held */
typedef struct LockForm
{
	LOCKMODE	mode;			/* ExclusiveLock or ShareLock, as core's functions do */
	bool		session;		/* session-level, else until the transaction ends */
	bool		permit;			/* others may be looking for its release */
} LockForm;

extern const LockForm SESSION_EXCLUSIVE;
extern const LockForm SESSION_SHARED;
extern const LockForm SESSION_PERMIT;
extern const LockForm XACT_EXCLUSIVE;
extern const LockForm XACT_SHARED;

extern const char *lock_mode_name(LOCKMODE mode);
extern bool lock_held_in_any_mode(const LOCKTAG *tag);

extern void mark_hold(LOCALLOCK *local);
extern bool hold_is_marked(const LOCKTAG *tag, LOCKMODE mode);
extern bool any_hold_is_marked(const LOCKTAG *tag);

#endif							/* MODE_H */
