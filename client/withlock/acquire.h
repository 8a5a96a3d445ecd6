/*-------------------------------------------------------------------------
 *
 * acquire.h
 *	  The phases of a run up to the lock: connecting and waiting.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_ACQUIRE_H
#define WITHLOCK_ACQUIRE_H

#include "withlock/state.h"

extern void connect_enter(Run *run);
extern void connect_on_result(Run *run, advlock_result result);
extern int64_t connect_due(const Run *run);
extern void connect_on_time(Run *run);

extern void wait_enter(Run *run);
extern void wait_on_result(Run *run, advlock_result result);
extern int64_t wait_due(const Run *run);
extern void wait_on_time(Run *run);

/*
 * Before there is a command, signals do to withlock what they do by default.
 */
extern void acquire_on_signal(Run *run, int signo);

#endif							/* WITHLOCK_ACQUIRE_H */
