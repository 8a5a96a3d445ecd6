/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  Deadlines of libadvlock, on a clock nobody can set.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>

#include "common/clock.h"
#include "libadvlock/internal.h"

int64_t
advl_now(void)
{
	return now_ms();
}

/* The moment timeout_ms from now; -1 (never) for a negative one. */
int64_t
advl_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : advl_now() + timeout_ms;
}

/* A later timeout, saturating; one for ever (-1) stays so. */
int
advl_longer(int timeout_ms, int more_ms)
{
	if (timeout_ms < 0)
		return -1;
	return timeout_ms > INT_MAX - more_ms ? INT_MAX : timeout_ms + more_ms;
}

/* Milliseconds until a deadline, 0 if it has passed, -1 if there is none. */
int
advl_remaining(int64_t deadline)
{
	int64_t		left;

	if (deadline < 0)
		return -1;
	left = deadline - advl_now();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int) left;
}
