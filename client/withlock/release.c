/*-------------------------------------------------------------------------
 *
 * release.c
 *	  The phase of a run in which the lock is given back.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/release.h"

#include "withlock/job.h"
#include "withlock/message.h"
#include "withlock/stop.h"

#define RELEASE_WITHIN_MS 1000

static void
send_release(Run *run)
{
	release_on_result(run, advlock_start_unlock(run->session, run->options->names[0]));
}

void
release_enter(Run *run)
{
	run->release_by = now_ms() + RELEASE_WITHIN_MS;
	/* a session does one thing at a time */
	if (!run->checking)
		send_release(run);
}

static void
released(Run *run, advlock_result result)
{
	bool		lost = result == ADVLOCK_LOST || result == ADVLOCK_CONNECTION;

	if (result != ADVLOCK_OK)
		say("lock \"%s\": could not be released, it ends with the connection: %s",
			run->options->names[0], *advlock_error(run->session) ?
			advlock_error(run->session) : "the server does not answer");

	/* a command that failed because the server went has not had its turn */
	if (lost && run->options->keep && !run->ended_by_signal && run->child.status != 0)
		stop_done(run);
	else
		run_finish(run, run->child.status);
}

void
release_on_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_WAITING)
		return;
	if (run->checking)
	{
		run->checking = false;
		send_release(run);
	}
	else
		released(run, result);
}

int64_t
release_due(const Run *run)
{
	return run->release_by;
}

void
release_on_time(Run *run)
{
	released(run, ADVLOCK_LOST);
}

void
release_on_signal(Run *run, int signo)
{
	job_note_signal(run, signo);
}
