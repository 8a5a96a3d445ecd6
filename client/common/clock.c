/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  Moments and durations, in milliseconds.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/clock.h"

#include <limits.h>

int64_t
advl_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? NEVER : now_ms() + timeout_ms;
}

int
advl_longer(int timeout_ms, int more_ms)
{
	if (timeout_ms < 0)
		return -1;
	return timeout_ms > INT_MAX - more_ms ? INT_MAX : timeout_ms + more_ms;
}

int
advl_remaining(int64_t deadline)
{
	int64_t		left;

	if (deadline == NEVER)
		return -1;
	left = deadline - now_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int) left;
}
