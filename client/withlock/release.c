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

#include <string.h>

#include "withlock/job.h"
#include "withlock/message.h"
#include "withlock/stop.h"

#define RELEASE_WITHIN_MS 1000

/* A lease stays if it is not given back, and first has to connect. */
#define RELEASE_LEASE_WITHIN_MS 5000

/*
 * Of several locks one is given back and the others go with the session, so
 * whether all of them were still held has to be asked before.
 */
static void
send_release(Run *run)
{
	bool		several = run->options->name_count > 1;

	if (several && !run->checked_all)
	{
		run->checking = run->checked_all = true;
		release_on_result(run, advlock_start_check(run->session));
	}
	else
		release_on_result(run, advlock_start_unlock(run->session, run->options->names[0]));
}

/* A run is recorded before, so that nobody starts between. */
static void
go_on(Run *run)
{
	if (run->recording)
		release_on_result(run, advlock_start_record_run(run->session, run->options->names[0]));
	else
		send_release(run);
}

/* The command ran without its lock, if only for its last moments. */
static void
was_lost(Run *run, const char *consequence)
{
	const char *reason = advlock_error(run->session);

	say_error("lock %s is lost: %.*s%s", run->options->shown[0],
			  (int) strcspn(reason, "\n"), reason, consequence);
	/* a command that failed for it has not had its turn */
	if (run->child.status != 0)
		stop_done(run);
	else
		run_finish(run, STATUS_LOST);
}

/*
 * A loss that is known by now came while the command ran, for all we know: the
 * end of the command and that of the connection are often seen together.
 */
static bool
has_lost(Run *run)
{
	advlock_result result;

	if (run->child.pid == 0 || run->child.exec_error)
		return false;
	result = advlock_poll(run->session);
	if (result != ADVLOCK_WAITING)
		run->checking = false;
	return result == ADVLOCK_LOST;
}

void
release_enter(Run *run)
{
	if (guard_end(&run->guard))
	{
		/* the connection is closed, and why can be read from it */
		(void) advlock_poll(run->session);
		was_lost(run, "; the command was killed");
		return;
	}
	if (has_lost(run))
	{
		was_lost(run, "");
		return;
	}
	run->release_by = now_ms() + (run->options->lease_ms > 0 ? RELEASE_LEASE_WITHIN_MS : RELEASE_WITHIN_MS);
	run->checked_all = run->unrecorded = false;
	run->recording = run->options->once_per_ms > 0 && run->due &&
		run->child.status == 0 && run->child.signal == 0;
	/* a session does one thing at a time */
	if (!run->checking)
		go_on(run);
}

/* Does the server know by the token that somebody else has held the lock? */
static bool
is_out_of_date(const Run *run)
{
	return strcmp(advlock_sqlstate(run->session), "55000") == 0;
}

/* Without a record the next one runs it again. */
static void
not_recorded(Run *run, const char *error)
{
	run->recording = false;
	run->unrecorded = true;
	say_error("lock %s: the run could not be recorded: %s", run->options->shown[0], error);
}

static void
recorded(Run *run, advlock_result result)
{
	if (result != ADVLOCK_OK && (is_out_of_date(run) || advlock_status(run->session) != ADVLOCK_OK))
	{
		run->child.status = STATUS_LOST;
		was_lost(run, "; the run does not count");
		return;
	}
	run->recording = false;
	if (result != ADVLOCK_OK)
		not_recorded(run, advlock_error(run->session));
	send_release(run);
}

static void
finish(Run *run)
{
	if (run->child.signal)
		run_finish(run, run_status_of_signal(run->child.signal));
	else
		run_finish(run, run->unrecorded ? STATUS_UNAVAILABLE : run->child.status);
}

static void
not_released(Run *run, advlock_result result)
{
	bool		gone = result == ADVLOCK_LOST || result == ADVLOCK_CONNECTION;

	say("lock %s: could not be released, it ends %s: %s", run->options->shown[0],
		run->options->lease_ms > 0 ? "when the lease is over" : "with the connection", *advlock_error(run->session) ?
		advlock_error(run->session) : "the server does not answer");
	/* a command that failed because the server went has not had its turn */
	if (gone && run->options->keep && !run->ended_by_signal && run->child.status != 0)
		stop_done(run);
	else
		finish(run);
}

static void
released(Run *run, advlock_result result)
{
	if (result == ADVLOCK_OK)
		finish(run);
	else if (result == ADVLOCK_NOT_HELD)
		was_lost(run, "");
	else
		not_released(run, result);
}

void
release_on_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_WAITING)
		return;
	if (run->recording && !run->checking)
		recorded(run, result);
	else if (!run->checking)
		released(run, result);
	else if (result == ADVLOCK_LOST && advlock_status(run->session) == ADVLOCK_OK)
		was_lost(run, "");
	else
	{
		run->checking = false;
		go_on(run);
	}
}

int64_t
release_due(const Run *run)
{
	return run->release_by;
}

void
release_on_time(Run *run)
{
	if (run->recording)
		not_recorded(run, "the server does not answer");
	released(run, ADVLOCK_LOST);
}

void
release_on_signal(Run *run, int signo)
{
	job_note_signal(run, signo);
}
