/*-------------------------------------------------------------------------
 *
 * start.c
 *	  The phase of a run between the lock and the command.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/start.h"

#include <string.h>

#include "withlock/message.h"
#include "withlock/retry.h"
#include "withlock/session.h"
#include "withlock/speaker.h"

/*
 * A lock that is known to be held as of then is held now, unless somebody
 * stopped us, or the machine, meanwhile.
 */
#define FRESH_MS 1000

/* The lock is held but there will be no command. */
static void
fail(Run *run, const char *what, int error)
{
	say_error("%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
	run->child = (Child) {.status = STATUS_INTERNAL, .fd = -1};
	run_enter(run, PHASE_RELEASING);
}

/* Nor is there one needed: it has run. */
static void
skip(Run *run)
{
	say_verbose("lock %s: %s", run->options->shown[0], advlock_error(run->session));
	run->checking = false;
	run->child = (Child) {.fd = -1};
	run_enter(run, PHASE_RELEASING);
}

/* The lock was lost again: as if it had not been obtained. */
static void
lose(Run *run, advlock_result result)
{
	run->checking = false;
	retry_or_fail(run, result);
}

/* Whether the run is due is asked first, and then time may have passed. */
static void
ask_server(Run *run)
{
	const Options *options = run->options;

	run->continued = false;
	run->checking = run->asked = true;
	run->proven_at = now_ms();	/* if the answer is yes */
	run->answer_by = run->proven_at + ANSWER_WITHIN_MS;
	start_on_result(run, run->due ? advlock_start_check(run->session) :
					advlock_start_is_due(run->session, options->names[0], options->once_per_ms));
}

/*
 * The process of the command, which waits, and what watches over it.  A lease
 * may have been renewed since it was had.
 */
static int
start_processes(Run *run)
{
	int			error = child_start(&run->child, run->argv, terminal_for_start(&run->terminal));

	run->dead_by = session_dead_by(run->options, run->session);
	if (error || run->options->on_lost == ON_LOST_IGNORE)
		return error;
	if (run->dead_by != NEVER)
		error = guard_start_timed(&run->guard, run->dead_by, run->child.pid);
	else
		error = guard_start(&run->guard, advlock_socket(run->session), run->child.pid,
							run->options->on_lost == ON_LOST_TERM ? run->grace_ms : 0);
	if (error)
		child_cancel(&run->child);
	return error;
}

/*
 * Between this last look at the connection and the command there is nothing
 * that could block, and if we are stopped there, the guard is in place.
 */
static void
start_command(Run *run)
{
	int			error = start_processes(run);
	advlock_result result;

	if (error)
	{
		fail(run, "cannot start a process", error);
		return;
	}
	result = advlock_poll(run->session);
	if (result == ADVLOCK_OK)
	{
		child_go(&run->child);
		run_enter(run, PHASE_RUNNING);
		return;
	}
	guard_end(&run->guard);
	child_cancel(&run->child);
	lose(run, result);
}

void
start_enter(Run *run)
{
	run->checking = run->asked = false;
	run->due = run->options->once_per_ms == 0;
	run->held_since = now_ms();
	run->proven_at = run->loop.slept_at;
	run->patience_until = run->held_since + SPEAKER_PATIENCE_MS;
	run->grace_ms = session_grace_ms(run->options, run->session);
	if (run->options->on_lost == ON_LOST_TERM && run->grace_ms == 0)
		say_verbose("the server keeps nobody off after a loss: the command would be "
					"killed at once; --grace gives it time beside the next holder");
	say_verbose("lock %s: obtained after %.3f s", run->options->shown[0],
				(double) (run->held_since - run->started_at) / 1000);
	if (!session_export(run->options, run->session))
		fail(run, "out of memory", 0);
	else if (!speaker_is_behind())
		start_on_time(run);
}

void
start_on_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_OK)
	{
		run->due = run->due || run->checking;
		run->checking = false;
	}
	else if (result == ADVLOCK_NOT_DUE)
		skip(run);
	else if (result != ADVLOCK_WAITING)
		lose(run, result);
}

/* A slow server's answer is as good as later on, when the command runs. */
static int
fresh_ms(const Run *run)
{
	return run->asked ? ANSWER_WITHIN_MS : FRESH_MS;
}

/* What was said before has its place before the command's own words. */
int64_t
start_due(const Run *run)
{
	if (run->checking)
		return run->answer_by;
	return speaker_is_behind() ? run->patience_until : run->held_since;
}

void
start_on_time(Run *run)
{
	if (run->checking)
		lose(run, ADVLOCK_LOST);
	else if (!run->due || run->continued || now_ms() - run->proven_at > fresh_ms(run))
		ask_server(run);
	else
		start_command(run);
}
