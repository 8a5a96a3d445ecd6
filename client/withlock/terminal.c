/*-------------------------------------------------------------------------
 *
 * terminal.c
 *	  Who has the terminal: withlock's process group or the command's.
 *
 * All of this runs with every signal blocked.  So tcsetpgrp() from a
 * background group does not stop us (SIGTTOU).
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

bool
terminal_is_ours(const Terminal *terminal)
{
	return terminal->fd >= 0 && tcgetpgrp(terminal->fd) == getpgrp();
}

void
terminal_init(Terminal *terminal)
{
	terminal->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	/*
	 * A shell with job control makes its jobs group leaders.  If another
	 * member of the job may want the terminal too (a pager behind a pipe, the
	 * script that runs us), the command has to ask.
	 */
	terminal->eager = getpid() == getpgrp() && isatty(STDIN_FILENO) &&
		isatty(STDOUT_FILENO);
}

int
terminal_for_start(const Terminal *terminal)
{
	return terminal->eager && terminal_is_ours(terminal) ? terminal->fd : -1;
}

void
terminal_give(const Terminal *terminal, const Child *child)
{
	if (terminal_is_ours(terminal))
		tcsetpgrp(terminal->fd, child->pid);
}

void
terminal_give_again(const Terminal *terminal, const Child *child)
{
	if (terminal->eager)
		terminal_give(terminal, child);
}

bool
terminal_take_back(const Terminal *terminal, const Child *child)
{
	if (terminal->fd < 0 || child->pid <= 0 || tcgetpgrp(terminal->fd) != child->pid)
		return false;
	return tcsetpgrp(terminal->fd, getpgrp()) == 0;
}

/* Let a blocked signal that is pending do what it does by default. */
static bool
obey(int signo)
{
	sigset_t	set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* what continued us is pending itself */
	return sigpending(&set) == 0 && sigismember(&set, SIGCONT) == 1;
}

bool
terminal_stop_self(int signo)
{
	raise(signo);
	return obey(signo);
}

bool
terminal_stop_job(int signo)
{
	kill(0, signo);
	return obey(signo);
}
