/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Trouble on the way to the lock: give up, or try again after a while.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/retry.h"

#include <stdlib.h>

#include "withlock/message.h"
#include "withlock/session.h"

#define BACK_OFF_FIRST_MS 200
#define BACK_OFF_MAX_MS 10000

void
retry_or_fail(Run *run, advlock_result result)
{
	session_explain(run->options, run->session, result);
	if (run->options->keep && session_failure_passes(result))
		run_enter(run, PHASE_BACK_OFF);
	else
		run_finish(run, session_failure_status(run->options, result));
}

void
retry_give_up(Run *run)
{
	say_error("lock \"%s\": could not connect in time", run->options->names[0]);
	run_finish(run, STATUS_UNAVAILABLE);
}

/* A random part, so that all who lost the same server do not come at once. */
static int64_t
back_off_ms(int attempts)
{
	int64_t		most = BACK_OFF_FIRST_MS;

	while (attempts-- > 1 && most < BACK_OFF_MAX_MS)
		most *= 2;
	if (most > BACK_OFF_MAX_MS)
		most = BACK_OFF_MAX_MS;
	return most / 2 + random() % (most / 2 + 1);
}

void
retry_enter(Run *run)
{
	int64_t		pause;

	run_close_session(run);
	run->attempts++;
	pause = back_off_ms(run->attempts);
	say("lock \"%s\": trying again in %.1f s", run->options->names[0], (double) pause / 1000);
	run->back_off_until = now_ms() + pause;
	if (run->back_off_until > run->deadline)
		run->back_off_until = run->deadline;
}

int64_t
retry_due(const Run *run)
{
	return run->back_off_until;
}

void
retry_on_time(Run *run)
{
	if (now_ms() < run->deadline)
		run_enter(run, PHASE_CONNECTING);
	else
		retry_give_up(run);
}
