/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  The phase of a run in which the command runs under the lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_HOLD_H
#define WITHLOCK_HOLD_H

#include "withlock/state.h"

extern void hold_enter(Run *run);
extern void hold_on_result(Run *run, advlock_result result);
extern int64_t hold_due(const Run *run);
extern void hold_on_time(Run *run);
extern void hold_on_child(Run *run, ChildEvent event);

/* Pass a signal on, but SIGCONT only once the lock is known to be held. */
extern void hold_on_signal(Run *run, int signo);

#endif							/* WITHLOCK_HOLD_H */
