/*-------------------------------------------------------------------------
 *
 * delay.h
 *	  Keeping others off a name: after its holder was lost, or for a lease.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef DELAY_H
#define DELAY_H

#include "base/deadline.h"
#include "registry/delays.h"

extern void keep_others_off(NextKey next, void *arg);
extern bool nobody_is_kept_off(void);
extern bool wait_out_delay(const NamedLock *lock, const Deadline *deadline);
extern bool wait_out_start(const NamedLock *lock, const Deadline *deadline);
extern bool lift_delay(const NamedLock *lock);
extern bool may_terminate(Oid role);
extern Delay *delays_under_way(int *count);
extern TimestampTz delay_ends_at(const Delay *delay);

#endif							/* DELAY_H */
