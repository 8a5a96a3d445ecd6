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

#include "fmgr.h"
#include "portability/instr_time.h"

/*
 * A start on the monotonic clock and the time allowed from there on: a clock
 * that is set does not move it, and several waits can share one.
 */
typedef struct Deadline
{
	bool		never;			/* wait for ever; the rest is not used */
	instr_time	start;
	int			limit_ms;
} Deadline;

/* What deadline_remaining_ms() says when there is no limit */
#define NO_TIME_LIMIT (-1)

extern const Deadline NEVER;	/* wait for ever */
extern const Deadline NOW;		/* do not wait */

extern Deadline deadline_arg(FunctionCallInfo fcinfo, int argno, const char *what);
extern Deadline deadline_arg_or_never(FunctionCallInfo fcinfo, int argno, const char *what);
extern int	deadline_remaining_ms(const Deadline *deadline);

#endif							/* DEADLINE_H */
