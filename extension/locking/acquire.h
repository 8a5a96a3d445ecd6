/*-------------------------------------------------------------------------
 *
 * acquire.h
 *	  Acquire and release, one lock or many.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ACQUIRE_H
#define ACQUIRE_H

#include "locking/wait.h"

extern bool acquire_locks(const NamedLock *locks, int count, LockForm form,
						  const Deadline *deadline, int64 *tokens);
extern bool acquire_lock(const NamedLock *lock, LockForm form,
						 const Deadline *deadline, int64 *token);
extern bool acquire_if_free(const NamedLock *lock, LockForm form, int64 *token);
extern bool release_lock(const NamedLock *lock, LOCKMODE mode);
extern int	release_all_locks(void);

#endif							/* ACQUIRE_H */
