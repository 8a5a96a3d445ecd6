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

#include "base/deadline.h"
#include "base/key.h"
#include "base/mode.h"

extern bool acquire_locks(const NamedLock *locks, int count, LockForm form,
						  const Deadline *deadline, int64 *tokens);
extern bool acquire_lock(const NamedLock *lock, LockForm form,
						 const Deadline *deadline, int64 *token);
extern bool acquire_uncounted(const NamedLock *lock, LockForm form,
							  const Deadline *deadline, int64 *token);
extern bool acquire_at_once(const NamedLock *lock, LockForm form, int64 *token);
extern bool give_up(const NamedLock *lock, const char *what, const Deadline *deadline);
extern bool release_lock(const NamedLock *lock, LOCKMODE mode);
extern int	release_all_locks(void);

#endif							/* ACQUIRE_H */
