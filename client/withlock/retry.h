/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  Trouble on the way to the lock: give up, or try again after a while.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_RETRY_H
#define WITHLOCK_RETRY_H

#include "withlock/state.h"

/* Say what failed, and end the run or try again. */
extern void retry_or_fail(Run *run, advlock_result result);

/* The deadline has passed before there was a session. */
extern void retry_give_up(Run *run);

/* The phase of backing off. */
extern void retry_enter(Run *run);
extern int64_t retry_due(const Run *run);
extern void retry_on_time(Run *run);

#endif							/* WITHLOCK_RETRY_H */
