/*-------------------------------------------------------------------------
 *
 * pulse.c
 *	  How late the machine is, all the time: what sleeps for a moment and then
 *	  computes for another takes longer than both where others are in its way.
 *	  The checker's bounds in time are as much wider.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <time.h>
#include <unistd.h>

#include "history.h"

#define SLEEP_NS 100000000
#define COMPUTE_NS 1000000

static int64_t
computed(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

void
run_pulse(void)
{
	while (!stopping)
	{
		int64_t		begin = history_now();
		int64_t		until;

		usleep(SLEEP_NS / 1000);
		until = computed() + COMPUTE_NS;
		while (computed() < until)
			;
		history_event("pulse", NULL, history_now() - begin - SLEEP_NS - COMPUTE_NS, 0, "");
	}
}
