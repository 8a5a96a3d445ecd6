/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  The phases of a run with the command: running, stopping, releasing.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <signal.h>
#include <string.h>

#include "withlock/message.h"
#include "withlock/run.h"
#include "withlock/session.h"

/*
 * The server frees the lock of a holder it cannot reach after 25 s.  Until
 * then we must have noticed (at worst between two checks, and with an answer
 * that never comes) and the command must be gone after its grace of 5 s.
 */
#define CHECK_EVERY_MS 10000
#define ANSWER_WITHIN_MS 8000

/* A check that failed for a reason that says nothing about the lock. */
#define CHECK_RETRY_MS 1000

#define RELEASE_WITHIN_MS 1000

/* === Running === */

/* Why the command could not be started, and how to exit then. */
static void
start_failed(Run *run, int error)
{
	if (run->child.status == STATUS_INTERNAL)
		say_error("cannot start a process: %s", strerror(error));
	else
		say_error("cannot run \"%s\": %s", run->argv[0], strerror(error));
}

static void
start_release(Run *run)
{
	run->phase = PHASE_RELEASING;
	run->act_at = now_ms() + RELEASE_WITHIN_MS;
	/* a session does one thing at a time */
	if (!run->checking)
		hold_handle_result(run, advlock_start_unlock(run->session, run->options->names[0]));
}

/* The lock is held: start the command. */
void
hold_begin(Run *run)
{
	const char *name = run->options->names[0];
	int			error;

	run->attempts = 0;
	run->phase = PHASE_RUNNING;
	run->checking = run->check_again = run->resume_command = false;
	run->check_at = now_ms() + CHECK_EVERY_MS;
	run->answer_by = NEVER;
	say_verbose("lock \"%s\": obtained after %.3f s", name,
				(double) (now_ms() - run->started_at) / 1000);
	if (!session_export(run->options, run->session))
	{
		say_error("out of memory");
		run->child.status = STATUS_INTERNAL;
		start_release(run);
		return;
	}
	error = child_start(&run->child, run->argv, terminal_for_start(&run->terminal));
	if (error)
	{
		terminal_take_back(&run->terminal, &run->child);
		start_failed(run, error);
		start_release(run);
	}
}

/* === Stopping, after the lock was lost === */

/* The command has gone; is the run over? */
static void
stopped(Run *run)
{
	run_close_session(run);
	if (run->options->keep && !run->ended_by_signal)
	{
		run->deadline = run->options->timeout_ms > 0 ?
			now_ms() + run->options->timeout_ms : NEVER;
		run->started_at = now_ms();
		acquire_retry(run);
	}
	else
		run_finish(run, STATUS_LOST);
}

static void
lose(Run *run, const char *reason)
{
	static const char *const consequences[] = {
		"sending SIGTERM to the command",
		"killing the command",
		"the command goes on without it"
	};
	const Options *options = run->options;

	say_error("lock \"%s\" is lost: %s", options->names[0], reason);
	say_error("%s", consequences[options->on_lost]);
	run->phase = PHASE_STOPPING;
	run->act_at = NEVER;
	child_adopt_orphans();
	if (options->on_lost == ON_LOST_KILL)
		child_signal(&run->child, SIGKILL);
	if (options->on_lost == ON_LOST_TERM)
	{
		child_signal(&run->child, SIGTERM);
		run->act_at = now_ms() + options->grace_ms;
	}
	/* a stopped command could not obey */
	if (run->child.stopped || run->resume_command)
		child_signal(&run->child, SIGCONT);
}

/*
 * The command itself has gone.  What it left in its process group had the
 * same signal and gets the rest of the same grace.  act_at is NEVER if the
 * group was killed already, or is to be left alone.
 */
static void
stop_leftovers(Run *run)
{
	if (run->act_at == NEVER || !child_group_exists(&run->child))
		stopped(run);
	else if (now_ms() >= run->act_at)
	{
		child_signal(&run->child, SIGKILL);
		stopped(run);
	}
}

static void
handle_stopping_time(Run *run)
{
	if (!run->child.running)
		stop_leftovers(run);
	else
	{
		say_verbose("killing the command");
		child_signal(&run->child, SIGKILL);
		run->act_at = NEVER;
	}
}

/* === Looking after the lock === */

static void
start_check(Run *run)
{
	run->checking = true;
	run->check_again = false;
	if (run->answer_by == NEVER)
		run->answer_by = now_ms() + ANSWER_WITHIN_MS;
	hold_handle_result(run, advlock_start_check(run->session));
}

/* Ask the server now; what it was asked before does not count. */
static void
check_now(Run *run)
{
	if (run->checking)
		run->check_again = true;
	else
		start_check(run);
}

/* The lock is held as of now. */
static void
check_passed(Run *run)
{
	run->checking = false;
	run->answer_by = NEVER;
	run->check_at = now_ms() + CHECK_EVERY_MS;
	if (run->check_again)
		start_check(run);
	else if (run->resume_command)
	{
		run->resume_command = false;
		run->child.stopped = false;
		terminal_give_again(&run->terminal, &run->child);
		child_signal(&run->child, SIGCONT);
	}
}

static void
handle_running_result(Run *run, advlock_result result)
{
	switch (result)
	{
		case ADVLOCK_WAITING:
			break;
		case ADVLOCK_OK:
			if (run->checking)
				check_passed(run);
			break;
		case ADVLOCK_LOST:
		case ADVLOCK_NOT_HELD:
		case ADVLOCK_CONNECTION:
			run->checking = false;
			lose(run, advlock_error(run->session));
			break;
		default:
			/* the check failed, not the lock: pg_cancel_backend(), for one */
			say_verbose("lock \"%s\": cannot check it: %s", run->options->names[0],
						advlock_error(run->session));
			run->checking = false;
			run->check_at = now_ms() + CHECK_RETRY_MS;
	}
}

static void
handle_running_time(Run *run)
{
	int64_t		now = now_ms();

	if (now >= run->answer_by)
		lose(run, "the server does not answer");
	else if (!run->checking && now >= run->check_at)
		start_check(run);
}

/* === Releasing === */

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
		stopped(run);
	else
		run_finish(run, run->child.status);
}

static void
handle_releasing_result(Run *run, advlock_result result)
{
	if (result == ADVLOCK_WAITING)
		return;
	if (run->checking)
	{
		run->checking = false;
		start_release(run);
	}
	else
		released(run, result);
}

/* === What the loop calls === */

void
hold_handle_result(Run *run, advlock_result result)
{
	if (run->phase == PHASE_RUNNING)
		handle_running_result(run, result);
	else if (run->phase == PHASE_RELEASING)
		handle_releasing_result(run, result);
}

void
hold_handle_time(Run *run)
{
	if (run->phase == PHASE_RUNNING)
		handle_running_time(run);
	else if (run->phase == PHASE_STOPPING)
		handle_stopping_time(run);
	else
		released(run, ADVLOCK_LOST);
}

/* The command has stopped itself, or was stopped from the terminal. */
static void
handle_child_stop(Run *run)
{
	bool		from_terminal = terminal_take_back(&run->terminal, &run->child);
	int			signo = run->child.stop_signal;

	if (run->phase == PHASE_STOPPING && run->options->on_lost != ON_LOST_IGNORE)
	{
		/* no rest for it now */
		child_signal(&run->child, SIGCONT);
		return;
	}
	if (!from_terminal && (signo == SIGTTIN || signo == SIGTTOU) &&
		terminal_is_ours(&run->terminal))
	{
		/* it asks for the terminal, and we have it to give */
		terminal_give(&run->terminal, &run->child);
		run->child.stopped = false;
		child_signal(&run->child, SIGCONT);
		return;
	}
	/* without a terminal there is nobody to continue us */
	if (run->terminal.fd < 0 || (signo == SIGSTOP && !from_terminal))
		return;
	terminal_stop_job(signo == SIGSTOP ? SIGTSTP : signo);
	hold_handle_signal(run, SIGCONT);
}

static void
handle_child_end(Run *run)
{
	terminal_take_back(&run->terminal, &run->child);
	if (run->phase == PHASE_RUNNING)
		start_release(run);
	else if (run->phase == PHASE_STOPPING)
	{
		stop_leftovers(run);
		if (run->phase == PHASE_STOPPING)
			say_verbose("waiting for the rest of the command's process group");
	}
}

void
hold_handle_child(Run *run)
{
	ChildEvent	event;

	while ((event = child_reap(&run->child)) != CHILD_NOTHING)
	{
		if (event == CHILD_STOPPED)
			handle_child_stop(run);
		else
			handle_child_end(run);
	}
}

/* Pass a signal on, but SIGCONT only once the lock is known to be held. */
void
hold_handle_signal(Run *run, int signo)
{
	if (signo == SIGINT || signo == SIGTERM)
		run->ended_by_signal = true;
	if (run->phase == PHASE_RELEASING || !run->child.running)
		return;
	if (signo == SIGCONT && run->phase == PHASE_RUNNING)
	{
		run->resume_command = true;
		check_now(run);
	}
	else
		child_signal(&run->child, signo);
}
