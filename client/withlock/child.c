/*-------------------------------------------------------------------------
 *
 * child.c
 *	  The command as a process: starting, signalling, reaping.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "withlock/withlock.h"

/*
 * The child's side of the fork, up to exec.  Only async-signal-safe calls
 * here; execvp() is one in glibc, which searches PATH on the stack.  Never
 * exit(): libpq's connection would be closed politely, and the lock with it.
 */
static void __attribute__((noreturn))
become_command(char *const *argv, pid_t parent, int terminal_fd, int error_fd)
{
	sigset_t	none;
	int			error;

	/* SIGKILL of withlock must end the command; it may have come already */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_INTERNAL);

	setpgid(0, 0);
	/* SIGTTOU is still blocked, so this does not stop us */
	if (terminal_fd >= 0)
		tcsetpgrp(terminal_fd, getpid());
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	execvp(argv[0], argv);
	error = errno;
	while (write(error_fd, &error, sizeof(error)) < 0 && errno == EINTR)
		continue;
	_exit(STATUS_NOT_FOUND);
}

/* The errno of a failed exec; 0 once the exec has closed the pipe. */
static int
await_exec(int fd)
{
	int			error = 0;
	ssize_t		n;

	do
		n = read(fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

/*
 * execvp() says EACCES for a command that is nowhere in PATH if a directory
 * of PATH cannot be searched.
 */
static bool
is_in_path(const char *command)
{
	const char *path = getenv("PATH");

	if (strchr(command, '/') || path == NULL)
		return true;
	while (*path)
	{
		int			length = (int) strcspn(path, ":");
		char		file[PATH_MAX];

		if (snprintf(file, sizeof(file), "%.*s/%s", length, length ? path : ".",
					 command) < (int) sizeof(file) && access(file, F_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Reap a child whose exec failed, so that it leaves no zombie. */
static int
discard(Child *child, const char *command, int error)
{
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	child->running = false;
	if (error == EACCES && !is_in_path(command))
		error = ENOENT;
	child->status = error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
	return error;
}

int
child_start(Child *child, char *const *argv, int terminal_fd)
{
	pid_t		self = getpid();
	int			pipe_fds[2];
	int			error;

	*child = (Child) {.status = STATUS_INTERNAL};
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return errno;
	child->pid = fork();
	if (child->pid == 0)
		become_command(argv, self, terminal_fd, pipe_fds[1]);
	error = errno;
	close(pipe_fds[1]);
	if (child->pid < 0)
	{
		child->pid = 0;
		close(pipe_fds[0]);
		return error;
	}

	/* both sides do it, so that neither can act on the group too early */
	setpgid(child->pid, child->pid);
	child->running = true;
	error = await_exec(pipe_fds[0]);
	close(pipe_fds[0]);
	return error ? discard(child, argv[0], error) : 0;
}

void
child_signal(const Child *child, int signo)
{
	/* once reaped, the number could be somebody else's unless members remain */
	if (child->pid > 0)
		kill(-child->pid, signo);
}

bool
child_group_exists(const Child *child)
{
	return child->pid > 0 && (kill(-child->pid, 0) == 0 || errno == EPERM);
}

void
child_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

ChildEvent
child_reap(Child *child)
{
	int			status;
	pid_t		pid;

	/* adopted orphans only have to be reaped */
	do
		pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
	while (pid > 0 && pid != child->pid);
	if (pid <= 0)
		return CHILD_NOTHING;
	if (WIFSTOPPED(status))
	{
		child->stopped = true;
		child->stop_signal = WSTOPSIG(status);
		return CHILD_STOPPED;
	}
	child->running = false;
	child->stopped = false;
	child->status = WIFSIGNALED(status) ?
		STATUS_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
	return CHILD_ENDED;
}
