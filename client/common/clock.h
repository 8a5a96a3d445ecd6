/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The clock of library and tool.
 *
 * It is the one that nobody can set and that goes on while the machine is
 * suspended.  The server's clock goes on then, too: while a laptop sleeps,
 * the server gives up a holder that does not answer, a lock-delay ends, and
 * so does the time that a caller was ready to wait.  What fell due meanwhile
 * must be due at once when the machine wakes up; on CLOCK_MONOTONIC it would
 * be due hours later.
 *
 * A moment is an int64_t on that clock.  A duration is an int as poll(2) takes
 * it: -1 is for ever.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* A point in time that never comes. */
#define NEVER INT64_MAX

/* Where there is no other, a clock that stops while suspended has to do. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_OF_DEADLINES CLOCK_BOOTTIME
#else
#define CLOCK_OF_DEADLINES CLOCK_MONOTONIC
#endif

/* Milliseconds since some fixed moment. */
static inline int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_OF_DEADLINES, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The moment timeout_ms from now; NEVER for a negative one. */
extern int64_t advl_deadline(int timeout_ms);

/* A longer duration, saturating; for ever stays so. */
extern int	advl_longer(int timeout_ms, int more_ms);

/* The duration until a moment, 0 if it has passed. */
extern int	advl_remaining(int64_t deadline);

#endif							/* COMMON_CLOCK_H */
