/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Waiting for a lock without ever leaking it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WAIT_H
#define WAIT_H

#include "base/deadline.h"
#include "base/key.h"

/* How a lock is held */
typedef struct LockForm
{
	LOCKMODE	mode;			/* ExclusiveLock or ShareLock, as core's functions do */
	bool		session;		/* session-level, else until the transaction ends */
} LockForm;

extern const LockForm SESSION_EXCLUSIVE;
extern const LockForm SESSION_SHARED;
extern const LockForm XACT_EXCLUSIVE;
extern const LockForm XACT_SHARED;

extern const char *lock_mode_name(LOCKMODE mode);
extern bool lock_held_in_any_mode(const LOCKTAG *tag);
extern void check_not_parallel(const char *name);
extern void check_locking_allowed(const NamedLock *lock);
extern LockAcquireResult wait_for_lock(const NamedLock *lock, LockForm form,
									   const Deadline *deadline, bool *waited);
extern void sleep_ms(int64 ms);

#endif							/* WAIT_H */
