/*-------------------------------------------------------------------------
 *
 * announce.h
 *	  What locking tells the other sessions, through the registry.
 *
 * This is the one door between them.  Each call does nothing where there is
 * no registry; none of them decides who holds a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include "base/key.h"
#include "base/settings.h"
#include "registry/board.h"

extern void announce_begin(void);
extern void announce_wanted(const NamedLock *lock, bool held);
extern void announce_waited(const NamedLock *lock, bool held, int64 wait_us);
extern void announce_delayed(const NamedLock *lock, TimestampTz until, DelayReason reason);
extern void announce_delay_over(const NamedLock *lock);
extern void announce_acquired(const NamedLock *lock, int64 token, bool held, bool waited);
extern bool announce_acquired_at_once(const NamedLock *lock, int64 token);
extern void announce_timed_out(const NamedLock *lock);
extern void announce_released(const NameId *id, int64 hold_us);
extern void announce_nothing_held(const NameId *id);

extern void announce_let_in(void);
extern void await_let_in(int ms);

extern void announce_permit_released(void);
extern bool permit_releases_are_announced(void);
extern bool await_permit_release(int ms);

/*
 * Is announce_acquired_at_once() likely to do for the lock?  To be asked before
 * it is acquired.
 */
static inline bool
can_announce_at_once(const NamedLock *lock)
{
	return track && registry() && lock->hints && lock->hints->place != 0;
}

#endif							/* ANNOUNCE_H */
