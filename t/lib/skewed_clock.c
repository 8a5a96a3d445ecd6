/*-------------------------------------------------------------------------
 *
 * skewed_clock.c
 *	  Preloaded into a program, this makes its host's clock go $SKEW_SECONDS
 *	  ahead, or behind if negative.  Clocks that measure intervals are right.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t
skew(void)
{
	const char *seconds = getenv("SKEW_SECONDS");

	return seconds ? atol(seconds) : 0;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			(*real) (clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int			result = real(clock, now);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += skew();
	return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &precise);
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now)
		*now = precise.tv_sec;
	return precise.tv_sec;
}
