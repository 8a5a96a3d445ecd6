/*-------------------------------------------------------------------------
 *
 * stop.c
 *	  The phase of a run in which the lock is lost and the command goes.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/stop.h"

#include <signal.h>

#include "withlock/job.h"
#include "withlock/message.h"

#define LEFTOVERS_EVERY_MS 20

void
stop_enter(Run *run)
{
	static const char *const consequences[] = {
		"sending SIGTERM to the command",
		"killing the command",
		"the command goes on without it"
	};
	const Options *options = run->options;

	say_error("lock \"%s\" is lost: %s", options->names[0], run->lost_because);
	say_error("%s", consequences[options->on_lost]);
	run->kill_at = NEVER;
	child_adopt_orphans();
	if (options->on_lost == ON_LOST_KILL)
		child_signal(&run->child, SIGKILL);
	if (options->on_lost == ON_LOST_TERM)
	{
		child_signal(&run->child, SIGTERM);
		run->kill_at = now_ms() + options->grace_ms;
	}
	/* a stopped command could not obey */
	if (run->child.stopped || run->resume_command)
		child_signal(&run->child, SIGCONT);
}

void
stop_done(Run *run)
{
	run_close_session(run);
	if (run->options->keep && !run->ended_by_signal)
	{
		run_begin_attempt(run);
		run_enter(run, PHASE_BACK_OFF);
	}
	else
		run_finish(run, STATUS_LOST);
}

/*
 * The command itself has gone.  What it left in its process group had the
 * same signal and gets the rest of the same grace.  kill_at is NEVER if the
 * group was killed already, or is to be left alone.
 */
static void
stop_leftovers(Run *run)
{
	if (run->kill_at == NEVER || !child_group_exists(&run->child))
		stop_done(run);
	else if (now_ms() >= run->kill_at)
	{
		child_signal(&run->child, SIGKILL);
		stop_done(run);
	}
}

int64_t
stop_due(const Run *run)
{
	int64_t		look_at = now_ms() + LEFTOVERS_EVERY_MS;

	/* nobody tells when processes that are not our children go */
	if (!run->child.running && look_at < run->kill_at)
		return look_at;
	return run->kill_at;
}

void
stop_on_time(Run *run)
{
	if (!run->child.running)
		stop_leftovers(run);
	else
	{
		child_signal(&run->child, SIGKILL);
		run->kill_at = NEVER;
		say_verbose("killing the command");
	}
}

void
stop_on_child(Run *run, ChildEvent event)
{
	if (event == CHILD_ENDED)
	{
		terminal_take_back(&run->terminal, &run->child);
		stop_leftovers(run);
		if (run->phase == PHASE_STOPPING)
			say_verbose("waiting for the rest of the command's process group");
	}
	else if (run->options->on_lost != ON_LOST_IGNORE || job_stop(run))
		child_signal(&run->child, SIGCONT); /* no rest for it now */
}

void
stop_on_signal(Run *run, int signo)
{
	job_pass_signal(run, signo);
}
