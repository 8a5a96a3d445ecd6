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

extern int	permits_arg(FunctionCallInfo fcinfo, int argno, const char *name);
extern int	acquire_permit(const NamedLock *pool, int permits,
						   const Deadline *deadline, int64 *token);

extern void permit_released(void);

#endif							/* PERMIT_H */
