/*-------------------------------------------------------------------------
 *
 * start.h
 *	  The phase of a run between the lock and the command.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_START_H
#define WITHLOCK_START_H

#include "withlock/state.h"

extern void start_enter(Run *run);
extern void start_on_result(Run *run, advlock_result result);
extern int64_t start_due(const Run *run);
extern void start_on_time(Run *run);

#endif							/* WITHLOCK_START_H */
