/*-------------------------------------------------------------------------
 *
 * stop.h
 *	  The phase of a run in which the lock is lost and the command goes.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_STOP_H
#define WITHLOCK_STOP_H

#include "withlock/state.h"

extern void stop_enter(Run *run);
extern int64_t stop_due(const Run *run);
extern void stop_on_time(Run *run);
extern void stop_on_child(Run *run, ChildEvent event);
extern void stop_on_signal(Run *run, int signo);

/* The command has gone after its lock: start again, with --keep, or end. */
extern void stop_done(Run *run);

#endif							/* WITHLOCK_STOP_H */
