/*-------------------------------------------------------------------------
 *
 * acquire.c
 *	  The phases of a run up to the lock: connecting and waiting.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/acquire.h"

#include <signal.h>
#include <string.h>

#include "withlock/holders.h"
#include "withlock/message.h"
#include "withlock/nesting.h"
#include "withlock/retry.h"
#include "withlock/session.h"
#include "withlock/speaker.h"

/*
 * How much later than the server withlock looks at the deadline of a wait:
 * normally the server tells, and then knows who holds the lock.
 */
#define SERVER_HEADSTART_MS 50

/* How long asking for the holder may take on top of the deadline. */
#define FAREWELL_MS 250
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

/* === Connecting === */

void
connect_enter(Run *run)
{
	run->session = session_start(run->options, run->conninfo, time_left(run),
								 run->first_host);
	connect_on_result(run, run->session ? advlock_status(run->session) : ADVLOCK_NOMEM);
}

void
connect_on_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_OK)
		run_enter(run, run->options->key ? PHASE_IDENTIFYING : PHASE_WAITING);
	else if (result != ADVLOCK_WAITING)
		retry_or_fail(run, result);
}

int64_t
connect_due(const Run *run)
{
	return run->deadline;
}

void
connect_on_time(Run *run)
{
	retry_give_up(run);
}

/* === Waiting === */

void
wait_enter(Run *run)
{
	int			left = run->options->timeout_ms == 0 ? 0 : time_left(run);

	run->met_server = true;
	run->trouble_since = NEVER;
	if (!advlock_has_extension(run->session))
		say_verbose("the database has no extension advisory_lock: no token, no "
					"lock-delay; using pg_advisory_lock() with the same key");
	if (!nesting_allows(run->options, run->session))
	{
		run_finish(run, STATUS_USAGE);
		return;
	}
	run->continued = false;
	run->give_up_at = has_deadline(run) ? run->deadline + SERVER_HEADSTART_MS : NEVER;
	waiting_begin(&run->waiting, run->options, run->conninfo, &run->terminal,
				  run->session);
	wait_on_result(run, session_start_lock(run->session, run->options, left,
										   run->lease_ticket));
}

/* The time ran out: tell who holds the lock and how to end that. */
static void
not_obtained(Run *run)
{
	if (!run->options->quiet)
		holders_farewell(run->options, run->session,
						 has_deadline(run) ? FAREWELL_MS : FAREWELL_NONBLOCK_MS);
	run_finish(run, run->options->conflict_status);
}

void
wait_on_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_WAITING)
		return;
	waiting_end(&run->waiting);
	if (result == ADVLOCK_OK)
		run_enter(run, PHASE_STARTING);
	else if (result == ADVLOCK_BUSY)
		not_obtained(run);
	else
		retry_or_fail(run, result);
}

int64_t
wait_due(const Run *run)
{
	return run->give_up_at;
}

void
wait_on_time(Run *run)
{
	waiting_end(&run->waiting);
	say("lock %s: not obtained in time", run->options->shown[0]);
	run_finish(run, run->options->conflict_status);
}

/* === Signals === */

void
acquire_on_signal(Run *run, int signo)
{
	switch (signo)
	{
		case SIGCHLD:
		case SIGURG:
		case SIGWINCH:
			break;
		case SIGCONT:
			run->continued = true;
			break;
		case SIGTSTP:
		case SIGTTIN:
		case SIGTTOU:
			live_line_clear();
			speaker_wait();
			(void) terminal_stop_self(signo);
			break;
		default:
			waiting_end(&run->waiting);
			say_verbose("ended by signal %d (%s)", signo, strsignal(signo));
			run_finish(run, run_status_of_signal(signo));
	}
}
