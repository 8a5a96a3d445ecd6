/*-------------------------------------------------------------------------
 *
 * state.c
 *	  The state of a run, and the phases that it goes through.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/state.h"

#include <signal.h>

void
run_enter(Run *run, Phase phase)
{
	run->phase = phase;
	run->entered = false;
}

void
run_finish(Run *run, int status)
{
	run->status = status;
	run_enter(run, PHASE_DONE);
}

int
run_status_of_signal(int signo)
{
	return signo == SIGINT || signo == SIGQUIT ? -signo : STATUS_SIGNAL_BASE + signo;
}

void
run_close_session(Run *run)
{
	PQclear(run->answer);
	run->answer = NULL;
	if (advlock_lease_ticket(run->session) != 0)
		run->lease_ticket = advlock_lease_ticket(run->session);
	advlock_close(run->session);
	run->session = NULL;
}

void
run_begin_attempt(Run *run)
{
	run->started_at = now_ms();
	run->deadline = run->options->timeout_ms > 0 ?
		run->started_at + run->options->timeout_ms : NEVER;
	run->trouble_since = NEVER;
}
