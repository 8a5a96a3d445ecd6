/*-------------------------------------------------------------------------
 *
 * loop.h
 *	  The one place where withlock sleeps: signals, sockets and a timer.
 *
 * Signals are blocked and read from a descriptor, so there are no handlers
 * and none can be missed.  Time is that of common/clock.h.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_LOOP_H
#define WITHLOCK_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

typedef struct Loop
{
	int			signal_fd;
	int			timer_fd;
	int64_t		slept_at;		/* when it went to sleep the last time */
	bool		overslept;		/* ... and woke up much later than it wanted */
} Loop;

/* Later than that it was not for being busy that withlock did not look. */
#define OVERSLEEP_MS 1000

/*
 * Block every signal but those that were ignored when withlock was started:
 * they stay ignored, here and in the command, as nohup(1) wants it.  Returns
 * false, with errno, if the kernel refuses a descriptor.
 */
extern bool loop_init(Loop *loop);

extern void loop_close(Loop *loop);

/* Sleep until a signal, one of the descriptors, or the time. */
extern void loop_wait(Loop *loop, struct pollfd *fds, int count, int64_t wake_at);

/* The next signal's number, 0 if there is none.  Our own do not count. */
extern int	loop_next_signal(Loop *loop);

#endif							/* WITHLOCK_LOOP_H */
