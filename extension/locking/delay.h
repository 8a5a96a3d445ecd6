/*-------------------------------------------------------------------------
 *
 * delay.h
 *	  Keeping others off a name after its holder was lost.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef DELAY_H
#define DELAY_H

#include "base/deadline.h"
#include "registry/registry.h"

/* A key that is kept off; the times are microseconds, see now_us() */
typedef struct Delay
{
	DelayId		id;				/* hash key, must be first */
	Oid			role;			/* of the session that was lost */
	int64		until;
} Delay;

extern void delay_begin(LockKey key);
extern Delay *delays_under_way(int *count);
extern TimestampTz delay_end(const Delay *delay);
extern bool delay_wait(const NamedLock *lock, const Deadline *deadline);

#endif							/* DELAY_H */
