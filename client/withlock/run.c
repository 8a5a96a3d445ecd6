/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Run a command while holding a lock: the loop around the phases.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "withlock/message.h"

#define LEFTOVERS_EVERY_MS 20

void
run_finish(Run *run, int status)
{
	run->phase = PHASE_DONE;
	run->status = status;
}

void
run_close_session(Run *run)
{
	advlock_close(run->session);
	run->session = NULL;
}

static bool
has_command(const Run *run)
{
	return run->phase >= PHASE_RUNNING;
}

/* Is the session of interest to the phase? */
static bool
uses_session(const Run *run)
{
	return run->session != NULL && run->phase != PHASE_STOPPING;
}

/* === Signals === */

/* Before there is a command, signals do to withlock what they do by default. */
static void
handle_early_signal(Run *run, int signo)
{
	switch (signo)
	{
		case SIGCHLD:
		case SIGCONT:
		case SIGURG:
		case SIGWINCH:
			break;
		case SIGTSTP:
		case SIGTTIN:
		case SIGTTOU:
			live_line_clear();
			raise(SIGSTOP);
			break;
		default:
			waiting_end(&run->waiting);
			say_verbose("ended by signal %d (%s)", signo, strsignal(signo));
			run_finish(run, STATUS_SIGNAL_BASE + signo);
	}
}

static void
handle_signals(Run *run)
{
	int			signo;

	while (run->phase != PHASE_DONE && (signo = loop_next_signal(&run->loop)) != 0)
	{
		if (!has_command(run))
			handle_early_signal(run, signo);
		else if (signo == SIGCHLD)
			hold_handle_child(run);
		else
			hold_handle_signal(run, signo);
	}
}

/* === The session === */

static void
handle_session(Run *run)
{
	advlock_result result;

	if (!uses_session(run))
		return;
	result = advlock_poll(run->session);
	if (has_command(run))
		hold_handle_result(run, result);
	else
		acquire_handle_result(run, result);
}

static struct pollfd
session_pollfd(const Run *run)
{
	struct pollfd fd = {.fd = -1};

	if (uses_session(run))
	{
		fd.fd = advlock_socket(run->session);
		fd.events = (short) advlock_events(run->session);
	}
	return fd;
}

/* When libadvlock wants to be called without its socket being ready. */
static int64_t
session_time(const Run *run)
{
	int			ms = uses_session(run) ? advlock_wait_ms(run->session) : -1;

	return ms < 0 ? NEVER : now_ms() + ms;
}

/* === Time === */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the phase itself wants to act. */
static int64_t
phase_time(const Run *run)
{
	if (run->phase == PHASE_RUNNING)
		return run->checking ? run->answer_by : earlier(run->check_at, run->answer_by);
	/* nobody tells when processes that are not our children go */
	if (run->phase == PHASE_STOPPING && !run->child.running)
		return earlier(run->act_at, now_ms() + LEFTOVERS_EVERY_MS);
	return run->act_at;
}

static void
handle_phase_time(Run *run)
{
	if (has_command(run))
		hold_handle_time(run);
	else
		acquire_handle_deadline(run);
}

/* === The loop === */

static void
run_once(Run *run)
{
	struct pollfd fds[2] = {session_pollfd(run), waiting_pollfd(&run->waiting)};
	int64_t		phase_at = phase_time(run);
	int64_t		session_at = session_time(run);
	Phase		phase = run->phase;

	loop_wait(&run->loop, fds, 2,
			  earlier(earlier(phase_at, session_at), run->waiting.wake_at));
	handle_signals(run);
	if (run->phase == phase && (fds[0].revents || now_ms() >= session_at))
		handle_session(run);
	if (run->phase == PHASE_WAITING)
		waiting_advance(&run->waiting, fds[1].revents != 0);
	if (run->phase == phase && now_ms() >= phase_at)
		handle_phase_time(run);
}

static void
choose_command(Run *run)
{
	char	   *shell = getenv("SHELL");

	if (run->options->shell_string == NULL)
	{
		run->argv = run->options->command;
		return;
	}
	run->argv_shell[0] = shell && *shell ? shell : (char *) "/bin/sh";
	run->argv_shell[1] = (char *) "-c";
	run->argv_shell[2] = (char *) run->options->shell_string;
	run->argv = run->argv_shell;
}

int
run_command(const Options *options, const char *conninfo)
{
	Run			run = {.options = options, .conninfo = conninfo};

	if (!loop_init(&run.loop))
	{
		say_error("cannot wait for signals: %s", strerror(errno));
		return STATUS_INTERNAL;
	}
	srandom((unsigned) (now_ms() ^ getpid()));
	choose_command(&run);
	terminal_init(&run.terminal);
	waiting_end(&run.waiting);
	acquire_begin(&run);
	while (run.phase != PHASE_DONE)
		run_once(&run);
	run_close_session(&run);
	loop_close(&run.loop);
	return run.status;
}
