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
#include "withlock/session.h"

/* There is no command; withlock exits as child.status says. */
static void
start_failed(Run *run, int error)
{
	if (run->child.status == STATUS_INTERNAL)
		say_error("cannot start a process: %s", strerror(error));
	else
		say_error("cannot run \"%s\": %s", run->argv[0], strerror(error));
	run_enter(run, PHASE_RELEASING);
}

static void
start_command(Run *run)
{
	int			error = child_start(&run->child, run->argv,
									terminal_for_start(&run->terminal));

	if (error)
	{
		terminal_take_back(&run->terminal, &run->child);
		start_failed(run, error);
	}
	else
		run_enter(run, PHASE_RUNNING);
}

void
start_enter(Run *run)
{
	run->attempts = 0;
	run->checking = false;
	say_verbose("lock \"%s\": obtained after %.3f s", run->options->names[0],
				(double) (now_ms() - run->started_at) / 1000);
	if (!session_export(run->options, run->session))
	{
		say_error("out of memory");
		run->child.status = STATUS_INTERNAL;
		run_enter(run, PHASE_RELEASING);
	}
	else
		start_command(run);
}
