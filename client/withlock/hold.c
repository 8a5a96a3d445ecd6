/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  The phase of a run in which the command runs under the lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/hold.h"

#include <signal.h>
#include <string.h>

#include "withlock/job.h"
#include "withlock/message.h"
#include "withlock/session.h"

/*
 * The server frees the lock of a holder it cannot reach after 25 s.  Until
 * then we must have noticed (at worst between two checks, and with an answer
 * that never comes, for ANSWER_WITHIN_MS) and the command must be gone after
 * its grace of 5 s.
 */
#define CHECK_EVERY_MS 10000

/* A check that failed for a reason that says nothing about the lock. */
#define CHECK_RETRY_MS 1000

/* What the server warned of: another name with the same key, for one. */
static void
tell_notices(Run *run)
{
	const char *notices = advlock_notice(run->session);

	if (*notices)
		say("lock %s: %s", run->options->shown[0], notices);
}

/* A lease is looked after by libadvlock: it is held until that says no. */
static int64_t
next_check(const Run *run)
{
	return run->options->lease_ms > 0 ? NEVER : now_ms() + CHECK_EVERY_MS;
}

void
hold_enter(Run *run)
{
	run->checking = run->check_again = run->resume_command = false;
	run->check_at = next_check(run);
	run->answer_by = NEVER;
	tell_notices(run);
}

static void
lose(Run *run, const char *reason)
{
	run->lost_because = reason;
	run_enter(run, PHASE_STOPPING);
}

static void
start_check(Run *run)
{
	run->checking = true;
	run->check_again = false;
	/* how long a lease may go without an answer, libadvlock knows */
	if (run->answer_by == NEVER && run->options->lease_ms == 0)
		run->answer_by = now_ms() + ANSWER_WITHIN_MS;
	hold_on_result(run, advlock_start_check(run->session));
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

/* Continue the command once the lock is known to be held. */
static void
resume(Run *run)
{
	run->resume_command = true;
	check_now(run);
}

/* The lock is held as of now. */
static void
check_passed(Run *run)
{
	run->checking = false;
	run->answer_by = NEVER;
	run->check_at = next_check(run);
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

void
hold_on_result(Run *run, advlock_result result)
{
	switch (result)
	{
		case ADVLOCK_WAITING:
			break;
		case ADVLOCK_OK:
			run->dead_by = session_dead_by(run->options, run->session);
			guard_extend(&run->guard, run->dead_by);
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
			/*
			 * The check failed, not the lock: pg_cancel_backend(), for one.
			 * But whatever the server says, it lives.
			 */
			say_verbose("lock %s: cannot check it: %s", run->options->shown[0],
						advlock_error(run->session));
			run->checking = false;
			if (result != ADVLOCK_NOMEM)
				run->answer_by = NEVER;
			run->check_at = now_ms() + CHECK_RETRY_MS;
	}
}

int64_t
hold_due(const Run *run)
{
	return run->checking || run->answer_by < run->check_at ? run->answer_by : run->check_at;
}

void
hold_on_time(Run *run)
{
	int64_t		now = now_ms();

	if (now >= run->answer_by)
		lose(run, "the server does not answer");
	else if (!run->checking && now >= run->check_at)
		start_check(run);
}

void
hold_on_child(Run *run, ChildEvent event)
{
	if (event == CHILD_STOPPED)
	{
		if (job_stop(run))
			resume(run);
		return;
	}
	terminal_take_back(&run->terminal, &run->child);
	if (run->child.exec_error)
		say_error("cannot run \"%s\": %s", run->argv[0],
				  strerror(run->child.exec_error));
	run_enter(run, PHASE_RELEASING);
}

void
hold_on_signal(Run *run, int signo)
{
	if (signo == SIGCONT)
		resume(run);
	else
		job_pass_signal(run, signo);
}
