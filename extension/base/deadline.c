/*-------------------------------------------------------------------------
 *
 * deadline.c
 *	  How long an acquire may take.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/timestamp.h"

#include "base/deadline.h"

const Deadline NEVER = {.never = true};
const Deadline NOW = {.limit_ms = 0};

/*
 * The length of an interval in ms, rounded up.  Months count 30 days, as they
 * do where core compares intervals.  In floating point nothing overflows, so
 * that an infinite interval is just a very long one.
 */
static double
interval_ms(const Interval *interval)
{
	double		days = interval->month * (double) DAYS_PER_MONTH + interval->day;

	return ceil((days * USECS_PER_DAY + interval->time) / 1000.0);
}

/*
 * The deadline that lies an interval after now.  What exceeds the reach of
 * core's lock timer, 24.8 days, is no limit at all.
 */
static Deadline
deadline_after(const Interval *interval, const char *what)
{
	Deadline	deadline = NEVER;
	double		ms = interval_ms(interval);

	if (ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout for advisory lock \"%s\" must not be negative", what),
				 errhint("Pass 0 not to wait at all.")));
	if (ms < PG_INT32_MAX)
	{
		deadline.never = false;
		INSTR_TIME_SET_CURRENT(deadline.start);
		deadline.limit_ms = (int) ms;
	}
	return deadline;
}

/*
 * The timeout argument of an SQL function that must have one.  what names the
 * lock in error messages.
 */
Deadline
deadline_arg(FunctionCallInfo fcinfo, int argno, const char *what)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout for advisory lock \"%s\" must not be null", what),
				 errhint("Pass 0 not to wait at all; the functions without \"try\" in their name wait without a limit.")));
	return deadline_after(PG_GETARG_INTERVAL_P(argno), what);
}

/* The timeout argument of an SQL function, where NULL means to wait for ever. */
Deadline
deadline_arg_or_never(FunctionCallInfo fcinfo, int argno, const char *what)
{
	return PG_ARGISNULL(argno) ? NEVER : deadline_after(PG_GETARG_INTERVAL_P(argno), what);
}

/*
 * How many ms are left, rounded up so that a wait never ends early; 0 when
 * the time is over, NO_TIME_LIMIT when it never is.
 */
int
deadline_remaining_ms(const Deadline *deadline)
{
	instr_time	elapsed;
	double		ms;

	if (deadline->never)
		return NO_TIME_LIMIT;
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, deadline->start);
	ms = ceil(deadline->limit_ms - INSTR_TIME_GET_MILLISEC(elapsed));
	return ms > 0 ? (int) ms : 0;
}
