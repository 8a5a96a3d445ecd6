/*-------------------------------------------------------------------------
 *
 * deadline.h
 *	  How long an acquire may take.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include "datatype/timestamp.h"
#include "portability/instr_time.h"

#include "base/key.h"

/*
 * A start on the monotonic clock and the time allowed from there on: a clock
 * that is set does not move it, and several waits can share one.
 */
typedef struct Deadline
{
	bool		never;			/* wait for ever; start and limit are not used */
	bool		raises;			/* an error when it passes, as lock_timeout does */
	instr_time	start;
	int			limit_ms;
} Deadline;

/* What deadline_remaining_ms() says when there is no limit */
#define NO_TIME_LIMIT (-1)

extern const Deadline NOW;		/* do not wait */

extern int64 monotonic_us(void);
extern Deadline deadline_by_setting(void);
extern Deadline deadline_after_ms(int ms);
extern Deadline deadline_after(const Interval *interval, const NamedLock *lock);
extern int	deadline_remaining_ms(const Deadline *deadline);
extern bool deadline_sleep(const Deadline *deadline, int64 ms);

#endif							/* DEADLINE_H */
