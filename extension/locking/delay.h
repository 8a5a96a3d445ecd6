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
#include "base/settings.h"
#include "registry/delays.h"
#include "registry/hints.h"

extern void keep_others_off(NextKey next, void *arg);
extern bool wait_out_delay(const NamedLock *lock, const Deadline *deadline);
extern bool wait_out_start(const NamedLock *lock, const Deadline *deadline);
extern bool lift_delay(const NamedLock *lock);
extern bool may_terminate(Oid role);
extern Delay *delays_under_way(int *count);
extern TimestampTz delay_ends_at(const Delay *delay);

/*
 * Is no lock kept off from this session?  If so, wait_out_delay() would not
 * wait, and not fail.
 */
static inline bool
nothing_is_to_wait_out(void)
{
	return lock_delay == 0 && registry() && nothing_is_kept_off(registry());
}

#endif							/* DELAY_H */
