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
#include <string.h>

#include "withlock/job.h"
#include "withlock/message.h"

#define LEFTOVERS_EVERY_MS 20

/*
 * A killed process does nothing more, but where the kernel waits for a file
 * system that does not answer it does not end either.
 */
#define KILLED_ENDS_WITHIN_MS 2000

/* What has kept its lock for so long does not start again and again. */
#define HELD_WELL_MS 10000

/*
 * Were the command or we not running when the lock was lost?  Nobody knows
 * then for how long it has been: the grace may be over, and the next holder
 * at work.
 */
static bool
was_stopped(const Run *run)
{
	return run->child.stopped || run->resume_command || run->loop.overslept;
}

/*
 * Is there no time for a grace?  A lease that could not be renewed leaves it,
 * but one that was ended does not: the next holder may be at work.
 */
static bool
is_late(const Run *run)
{
	int64_t		left = run->dead_by - now_ms();

	if (run->dead_by == NEVER)
		return run->grace_ms == 0;
	return left <= 0 || (left > run->grace_ms && !run->options->grace_given);
}

static OnLost
choose_action(const Run *run)
{
	OnLost		action = run->options->on_lost;

	if (action == ON_LOST_TERM && (is_late(run) || was_stopped(run)))
		return ON_LOST_KILL;
	return action;
}

/* With --keep there is no end to waiting: the next one must be the only one. */
static void
kill_group(Run *run)
{
	child_signal(&run->child, SIGKILL);
	run->kill_at = NEVER;
	if (!run->options->keep)
		run->look_at = now_ms() + KILLED_ENDS_WITHIN_MS;
}

static void
act(Run *run, OnLost action)
{
	run->kill_at = run->look_at = NEVER;
	child_adopt_orphans();
	switch (action)
	{
		case ON_LOST_KILL:
			/* without SIGCONT: a stopped command shall not do one step more */
			kill_group(run);
			break;
		case ON_LOST_TERM:
			child_signal(&run->child, SIGTERM);
			run->kill_at = now_ms() + run->grace_ms;
			if (run->kill_at > run->dead_by)
				run->kill_at = run->dead_by;
			guard_extend(&run->guard, run->kill_at);
			break;
		case ON_LOST_IGNORE:
			if (run->resume_command)
				child_signal(&run->child, SIGCONT);
			break;
	}
}

/* One line; what else libpq has to say about it is for the curious. */
static void
tell(const Run *run, OnLost action)
{
	static const char *const consequences[] = {
		"sending SIGTERM to the command",
		"killing the command",
		"the command goes on without it"
	};
	const char *reason = run->lost_because;
	int			length = (int) strcspn(reason, "\n");

	say_error("lock %s is lost: %.*s; %s", run->options->shown[0], length, reason,
			  consequences[action]);
	if (reason[length])
		say_verbose("%s", reason + length);
}

void
stop_enter(Run *run)
{
	OnLost		action = choose_action(run);

	act(run, action);
	tell(run, action);
}

void
stop_done(Run *run)
{
	guard_end(&run->guard);
	if (now_ms() - run->held_since >= HELD_WELL_MS)
		run->attempts = 0;
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
	else					/* nobody tells when what is not our child goes */
		run->look_at = now_ms() + LEFTOVERS_EVERY_MS;
}

int64_t
stop_due(const Run *run)
{
	return run->look_at < run->kill_at ? run->look_at : run->kill_at;
}

void
stop_on_time(Run *run)
{
	if (!run->child.running)
		stop_leftovers(run);
	else if (run->kill_at != NEVER)
	{
		kill_group(run);
		say_verbose("killing the command");
	}
	else
	{
		terminal_take_back(&run->terminal, &run->child);
		stop_done(run);
		say_error("the command has been killed, but the kernel does not let it end");
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
