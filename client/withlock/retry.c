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
#include <string.h>

#include "withlock/message.h"
#include "withlock/session.h"

#define BACK_OFF_FIRST_MS 200
#define BACK_OFF_MAX_MS 10000

/* Without --timeout: how long a server that was there may be away. */
#define PATIENCE_MS 60000

/*
 * Is there time for another attempt?  With --keep always, with --timeout
 * until the deadline, without waiting (-n) never.  Else a server that is not
 * there may be a wrong address, and is an answer; one that was there, or says
 * that it is full or starting, will be back.
 */
static bool
is_patient(const Run *run)
{
	const Options *options = run->options;

	if (options->keep || run->deadline != NEVER)
		return true;
	return options->timeout_ms != 0 &&
		(run->met_server || session_server_is_busy(run->session)) &&
		now_ms() - run->trouble_since < PATIENCE_MS;
}

/*
 * Can the next attempt do better?  Not after a wrong password; but who has
 * held the lock keeps on, and with --keep what an administrator did to a wait
 * is no answer, nor is a standby.
 */
static bool
passes(const Run *run, advlock_result result)
{
	if (run->session && advlock_may_pass(run->session))
		return true;
	switch (result)
	{
		case ADVLOCK_CONNECTION:
		case ADVLOCK_LOST:
			return run->options->keep && run->held_since > 0;
		case ADVLOCK_STANDBY:
		case ADVLOCK_DEADLOCK:
		case ADVLOCK_CANCELED:
			return run->options->keep;
		default:
			return false;
	}
}

/* Say what failed; the same again only to who wants to know everything. */
static void
explain(Run *run, advlock_result result)
{
	const char *trouble = run->session ? advlock_error(run->session) : "";

	if (run->last_trouble && strcmp(run->last_trouble, trouble) == 0)
	{
		say_verbose("lock %s: the same again", run->options->shown[0]);
		return;
	}
	session_explain(run->options, run->session, result, &run->hinted);
	free(run->last_trouble);
	run->last_trouble = strdup(trouble);
	run->told = false;
}

void
retry_or_fail(Run *run, advlock_result result)
{
	explain(run, result);
	if (run->trouble_since == NEVER)
		run->trouble_since = now_ms();
	if (passes(run, result) && is_patient(run))
		run_enter(run, PHASE_BACK_OFF);
	else
		run_finish(run, session_failure_status(run->options, result));
}

void
retry_give_up(Run *run)
{
	say_error("lock %s: could not connect in time", run->options->shown[0]);
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

	if (run->session)
		run->first_host = advlock_next_host(run->session);
	run_close_session(run);
	run->attempts++;
	pause = back_off_ms(run->attempts);
	(run->told ? say_verbose : say) ("lock %s: trying again in %.1f s%s",
									 run->options->shown[0], (double) pause / 1000,
									 run->told ? "" : ", and so on");
	run->told = true;
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
