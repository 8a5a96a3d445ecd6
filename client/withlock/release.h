/*-------------------------------------------------------------------------
 *
 * release.h
 *	  The phase of a run in which the lock is given back.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_RELEASE_H
#define WITHLOCK_RELEASE_H

#include "withlock/state.h"

extern void release_enter(Run *run);
extern void release_on_result(Run *run, advlock_result result);
extern int64_t release_due(const Run *run);
extern void release_on_time(Run *run);
extern void release_on_signal(Run *run, int signo);

#endif							/* WITHLOCK_RELEASE_H */
