/*-------------------------------------------------------------------------
 *
 * acquire.c
 *	  The phases of a run up to the lock: connecting, waiting, backing off.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "withlock/holders.h"
#include "withlock/message.h"
#include "withlock/run.h"
#include "withlock/session.h"

#define BACK_OFF_FIRST_MS 200
#define BACK_OFF_MAX_MS 10000

/*
 * How much later than the server withlock looks at the deadline of a wait:
 * normally the server tells, and then knows who holds the lock.
 */
#define SERVER_HEADSTART_MS 50

/* How long asking for the holder may take on top of the deadline. */
#define FAREWELL_MS 40
#define FAREWELL_NONBLOCK_MS 1000

/* Is there one deadline for connecting and waiting? */
static bool
has_deadline(const Run *run)
{
	return run->deadline != NEVER;
}

/* What is left of it in ms, -1 for ever. */
static int
time_left(const Run *run)
{
	int64_t		left = run->deadline - now_ms();

	if (!has_deadline(run))
		return -1;
	return left < 0 ? 0 : (int) left;
}

/* A new attempt to get the lock begins, with a new deadline. */
void
acquire_begin(Run *run)
{
	run->started_at = now_ms();
	run->deadline = run->options->timeout_ms > 0 ?
		run->started_at + run->options->timeout_ms : NEVER;
	run->attempts = 0;
	acquire_connect(run);
}

void
acquire_connect(Run *run)
{
	run->phase = PHASE_CONNECTING;
	run->act_at = run->deadline;
	run->session = session_start(run->options, run->conninfo, time_left(run));
	if (run->session == NULL)
		acquire_handle_result(run, ADVLOCK_NOMEM);
	else if (advlock_status(run->session) != ADVLOCK_WAITING)
		acquire_handle_result(run, advlock_status(run->session));
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

/* With --keep: try again after a while. */
void
acquire_retry(Run *run)
{
	int64_t		pause;

	run_close_session(run);
	run->attempts++;
	pause = back_off_ms(run->attempts);
	say("lock \"%s\": trying again in %.1f s", run->options->names[0], (double) pause / 1000);
	run->phase = PHASE_BACK_OFF;
	run->act_at = now_ms() + pause;
	if (run->act_at > run->deadline)
		run->act_at = run->deadline;
}

static void
wait_for_lock(Run *run)
{
	int			left = run->options->timeout_ms == 0 ? 0 : time_left(run);

	if (!advlock_has_extension(run->session))
		say_verbose("the database has no extension advisory_lock: no token, no "
					"lock-delay; using pg_advisory_lock() with the same key");
	run->phase = PHASE_WAITING;
	run->act_at = has_deadline(run) ? run->deadline + SERVER_HEADSTART_MS : NEVER;
	waiting_begin(&run->waiting, run->options, run->conninfo, &run->terminal,
				  run->session);
	acquire_handle_result(run, session_start_lock(run->session, run->options, left));
}

/* The time ran out: tell who holds the lock and how to end that. */
static void
give_up(Run *run)
{
	const Options *options = run->options;

	if (!options->quiet)
		holders_farewell(options, run->session,
						 has_deadline(run) ? FAREWELL_MS : FAREWELL_NONBLOCK_MS);
	run_finish(run, options->conflict_status);
}

static void
fail(Run *run, advlock_result result)
{
	session_explain(run->options, run->session, result);
	if (run->options->keep && session_failure_passes(result))
		acquire_retry(run);
	else
		run_finish(run, session_failure_status(run->options, result));
}

/* Connecting or waiting has come to a result. */
void
acquire_handle_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_WAITING)
		return;
	if (run->phase == PHASE_CONNECTING && result == ADVLOCK_OK)
	{
		wait_for_lock(run);
		return;
	}
	waiting_end(&run->waiting);
	if (result == ADVLOCK_OK)
		hold_begin(run);
	else if (result == ADVLOCK_BUSY && run->phase == PHASE_WAITING)
		give_up(run);
	else
		fail(run, result);
}

void
acquire_handle_deadline(Run *run)
{
	const char *name = run->options->names[0];

	if (run->phase == PHASE_BACK_OFF && now_ms() < run->deadline)
	{
		acquire_connect(run);
		return;
	}
	waiting_end(&run->waiting);
	if (run->phase == PHASE_WAITING)
	{
		say("lock \"%s\": not obtained in time", name);
		run_finish(run, run->options->conflict_status);
	}
	else
	{
		say_error("lock \"%s\": could not connect in time", name);
		run_finish(run, STATUS_UNAVAILABLE);
	}
}
