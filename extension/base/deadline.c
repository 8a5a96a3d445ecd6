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

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/deadline.h"
#include "base/title.h"

const Deadline NOW = {.limit_ms = 0};

/* Microseconds on the monotonic clock, which all sessions share. */
int64
monotonic_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MICROSEC(now);
}

/* A deadline that lies so many ms after now. */
Deadline
deadline_after_ms(int ms)
{
	Deadline	deadline = {.limit_ms = ms};

	INSTR_TIME_SET_CURRENT(deadline.start);
	return deadline;
}

/*
 * The deadline where the caller has given none: the session's lock_timeout.
 * An acquire is one wait to it, whatever it waits for: a place in the queue, a
 * permit, the end of a delay.
 */
Deadline
deadline_by_setting(void)
{
	Deadline	deadline = {.never = true};

	if (LockTimeout > 0)
		deadline = deadline_after_ms(LockTimeout);
	deadline.raises = true;
	return deadline;
}

/*
 * The length of an interval in microseconds.  Months count 30 days, as they
 * do where core compares intervals.  In floating point nothing overflows, so
 * that an infinite interval is just a very long one.
 */
static double
interval_us(const Interval *interval)
{
	double		days = interval->month * (double) DAYS_PER_MONTH + interval->day;

	return days * USECS_PER_DAY + interval->time;
}

/*
 * The deadline that lies an interval after now.  What exceeds the reach of
 * core's lock timer, 24.8 days, is no limit at all.  lock is the one that the
 * error is about which a negative interval raises.
 */
Deadline
deadline_after(const Interval *interval, const NamedLock *lock)
{
	double		us = interval_us(interval);
	double		ms = ceil(us / 1000.0);

	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout for advisory lock %s must not be negative", lock_title(lock)),
				 errhint("Pass 0 not to wait at all.")));
	if (ms < PG_INT32_MAX)
		return deadline_after_ms((int) ms);
	return (Deadline) {.never = true};
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

/*
 * Sleep for so many ms, or less; not beyond the deadline.  Returns false when
 * that has passed.
 */
bool
deadline_sleep(const Deadline *deadline, int64 ms)
{
	int			left = deadline_remaining_ms(deadline);

	if (left == 0)
		return false;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(ms, left == NO_TIME_LIMIT ? PG_INT32_MAX : left),
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}
