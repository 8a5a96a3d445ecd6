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

#include "withlock/acquire.h"
#include "withlock/hold.h"
#include "withlock/identify.h"
#include "withlock/message.h"
#include "withlock/release.h"
#include "withlock/retry.h"
#include "withlock/speaker.h"
#include "withlock/start.h"
#include "withlock/state.h"
#include "withlock/stop.h"

/* What a phase does when something happens; NULL: that is not for it. */
typedef struct PhaseHandlers
{
	void		(*enter) (Run *run);
	void		(*on_result) (Run *run, advlock_result result); /* of the session */
	int64_t		(*due) (const Run *run);	/* when to call on_time */
	void		(*on_time) (Run *run);
	void		(*on_child) (Run *run, ChildEvent event);
	void		(*on_signal) (Run *run, int signo);
} PhaseHandlers;

static const PhaseHandlers phases[] = {
	[PHASE_BACK_OFF] = {retry_enter, NULL, retry_due, retry_on_time, NULL, acquire_on_signal},
	[PHASE_CONNECTING] = {connect_enter, connect_on_result, connect_due,
	connect_on_time, NULL, acquire_on_signal},
	[PHASE_IDENTIFYING] = {identify_enter, identify_on_result, identify_due,
	identify_on_time, NULL, acquire_on_signal},
	[PHASE_WAITING] = {wait_enter, wait_on_result, wait_due,
	wait_on_time, NULL, acquire_on_signal},
	[PHASE_STARTING] = {start_enter, start_on_result, start_due, start_on_time,
	NULL, acquire_on_signal},
	[PHASE_RUNNING] = {hold_enter, hold_on_result, hold_due, hold_on_time,
	hold_on_child, hold_on_signal},
	[PHASE_STOPPING] = {stop_enter, NULL, stop_due, stop_on_time, stop_on_child, stop_on_signal},
	[PHASE_RELEASING] = {release_enter, release_on_result, release_due,
	release_on_time, NULL, release_on_signal},
	[PHASE_DONE] = {.enter = NULL}
};

static const PhaseHandlers *
handlers(const Run *run)
{
	return &phases[run->phase];
}

/* Let the phase begin that was named last, and those that it names. */
static void
enter_phase(Run *run)
{
	while (!run->entered)
	{
		run->entered = true;
		if (handlers(run)->enter)
			handlers(run)->enter(run);
	}
}

/* === Signals and children === */

static void
handle_children(Run *run)
{
	ChildEvent	event;

	while ((event = child_reap(&run->child)) != CHILD_NOTHING)
	{
		if (handlers(run)->on_child)
			handlers(run)->on_child(run, event);
		enter_phase(run);
	}
	if (run->phase == PHASE_RUNNING)
		guard_renew(&run->guard);
	else if (run->phase == PHASE_STOPPING && run->kill_at != NEVER)
		guard_renew_until(&run->guard, run->kill_at);
}

static void
handle_signals(Run *run)
{
	int			signo;

	while (run->phase != PHASE_DONE && (signo = loop_next_signal(&run->loop)) != 0)
	{
		if (signo == SIGCHLD)
			handle_children(run);
		else
			handlers(run)->on_signal(run, signo);
		enter_phase(run);
	}
}

/* === The session === */

static bool
uses_session(const Run *run)
{
	return run->session != NULL && handlers(run)->on_result != NULL;
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
session_due(const Run *run)
{
	int			ms = uses_session(run) ? advlock_wait_ms(run->session) : -1;

	return ms < 0 ? NEVER : now_ms() + ms;
}

/* === The loop === */

static int64_t
phase_due(const Run *run)
{
	return handlers(run)->due ? handlers(run)->due(run) : NEVER;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Sleep until something happens, and let the phase answer to it; what was
 * awaited for one phase does not concern the next.
 */
static void
run_once(Run *run)
{
	struct pollfd fds[] = {session_pollfd(run), waiting_pollfd(&run->waiting),
	speaker_pollfd()};
	int64_t		session_at = session_due(run);
	Phase		phase = run->phase;

	loop_wait(&run->loop, fds, sizeof(fds) / sizeof(fds[0]),
			  earlier(earlier(phase_due(run), session_at), run->waiting.wake_at));
	handle_signals(run);
	if (run->phase == phase && uses_session(run) &&
		(fds[0].revents || now_ms() >= session_at))
		handlers(run)->on_result(run, advlock_poll(run->session));
	if (run->phase == PHASE_WAITING)
		waiting_advance(&run->waiting, fds[1].revents != 0);
	if (run->phase == phase && now_ms() >= phase_due(run))
		handlers(run)->on_time(run);
	enter_phase(run);
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
	speaker_start();
	choose_command(&run);
	terminal_init(&run.terminal);
	waiting_end(&run.waiting);
	run_begin_attempt(&run);
	run_enter(&run, PHASE_CONNECTING);
	enter_phase(&run);
	while (run.phase != PHASE_DONE)
		run_once(&run);
	run_close_session(&run);
	guard_await(&run.guard);
	free(run.last_trouble);
	loop_close(&run.loop);
	return run.status;
}
