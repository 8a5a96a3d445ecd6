/*-------------------------------------------------------------------------
 *
 * permit.h
 *	  Counting semaphores.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef PERMIT_H
#define PERMIT_H

#include "base/deadline.h"
#include "base/key.h"

extern int	acquire_permit(const NamedLock *pool, int permits,
						   const Deadline *deadline, int64 *token);
extern bool release_permit(const NamedLock *pool, int permit);

#endif							/* PERMIT_H */
