/*-------------------------------------------------------------------------
 *
 * job.c
 *	  The command as a job that a person stops and continues.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/job.h"

#include <signal.h>

bool
job_stop(Run *run)
{
	bool		from_terminal = terminal_take_back(&run->terminal, &run->child);
	int			signo = run->child.stop_signal;

	if (!from_terminal && (signo == SIGTTIN || signo == SIGTTOU) &&
		terminal_is_ours(&run->terminal))
	{
		/* it asks for the terminal, and we have it to give */
		terminal_give(&run->terminal, &run->child);
		run->child.stopped = false;
		child_signal(&run->child, SIGCONT);
		return false;
	}
	/* without a terminal there is nobody to continue us */
	if (run->terminal.fd < 0 || (signo == SIGSTOP && !from_terminal))
		return false;
	terminal_stop_job(signo == SIGSTOP ? SIGTSTP : signo);
	return true;
}

void
job_note_signal(Run *run, int signo)
{
	if (signo == SIGINT || signo == SIGTERM)
		run->ended_by_signal = true;
}

void
job_pass_signal(Run *run, int signo)
{
	job_note_signal(run, signo);
	if (run->child.running)
		child_signal(&run->child, signo);
}
