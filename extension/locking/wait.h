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
#include "base/mode.h"

/* What came of a wait */
typedef struct WaitResult
{
	bool		granted;
	bool		again;			/* it was held in this mode already, ... */
	bool		marked;			/* ... ever since mark_hold() */
	bool		waited;			/* it was not to be had at once */
	LOCALLOCK  *local;			/* for mark_hold() */
} WaitResult;

extern void check_not_parallel(const NamedLock *lock);
extern void check_locking_allowed(const NamedLock *lock);
extern WaitResult queue_for_lock(const NamedLock *lock, LockForm form, const Deadline *deadline);

#endif							/* WAIT_H */
