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
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "withlock/withlock.h"

/* One that is killed, but for a kernel that does not let go of it. */
#define HELPER_ENDS_WITHIN_MS 100

/* Is there such a file in the directory?  Cheap enough for after a fork. */
static bool
is_in_directory(const char *directory, size_t length, const char *command)
{
	char		file[PATH_MAX];
	size_t		size = strlen(command) + 1;

	if (length == 0)
	{
		directory = ".";
		length = 1;
	}
	if (length + 1 + size > sizeof(file))
		return false;
	memcpy(file, directory, length);
	file[length] = '/';
	memcpy(file + length + 1, command, size);
	return access(file, F_OK) == 0;
}

/*
 * execvp() says EACCES for a command that is nowhere in PATH if a directory
 * of PATH cannot be searched.
 */
static bool
is_in_path(const char *command, const char *path)
{
	if (strchr(command, '/') || path == NULL)
		return true;
	while (*path)
	{
		size_t		length = strcspn(path, ":");

		if (is_in_directory(path, length, command))
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/*
 * The child's side of the fork, up to exec.  Only async-signal-safe calls
 * here: libadvlock may have a thread that looks a name up.  execvp() is one in
 * glibc, which searches PATH on the stack.  Never exit(): libpq's connection
 * would be closed politely, and the lock with it.  What can take long, on a
 * hung file system, happens here and not in withlock.
 */
static void __attribute__((noreturn))
become_command(char *const *argv, const char *path, pid_t parent, int terminal_fd,
			   int parent_fd)
{
	sigset_t	none;
	char		go;
	int			error;

	/* SIGKILL of withlock must end the command; it may have come already */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_INTERNAL);

	setpgid(0, 0);
	if (recv(parent_fd, &go, 1, 0) != 1)
		_exit(STATUS_INTERNAL);
	/* SIGTTOU is still blocked, so this does not stop us */
	if (terminal_fd >= 0)
		tcsetpgrp(terminal_fd, getpid());
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	execvp(argv[0], argv);
	error = errno;
	if (error == EACCES && !is_in_path(argv[0], path))
		error = ENOENT;
	while (send(parent_fd, &error, sizeof(error), MSG_NOSIGNAL) < 0 && errno == EINTR)
		continue;
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE);
}

int
child_start(Child *child, char *const *argv, int terminal_fd)
{
	const char *path = getenv("PATH");
	pid_t		self = getpid();
	int			fds[2];
	int			error;

	*child = (Child) {.status = STATUS_INTERNAL, .fd = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return errno;
	child->pid = fork();
	if (child->pid == 0)
	{
		close(fds[0]);
		become_command(argv, path, self, terminal_fd, fds[1]);
	}
	error = errno;
	close(fds[1]);
	if (child->pid < 0)
	{
		child->pid = 0;
		close(fds[0]);
		return error;
	}

	/* both sides do it, so that neither can act on the group too early */
	setpgid(child->pid, child->pid);
	child->running = true;
	child->fd = fds[0];
	return 0;
}

void
child_go(const Child *child)
{
	/* one that was killed meanwhile is reaped as any other */
	(void) send(child->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
child_cancel(Child *child)
{
	kill(child->pid, SIGKILL);
	child_await_helper(child->pid);
	close(child->fd);
	*child = (Child) {.status = STATUS_INTERNAL, .fd = -1};
}

void
child_signal(const Child *child, int signo)
{
	if (child->pid <= 0)
		return;
	/* once reaped, the number could be somebody else's unless members remain */
	kill(-child->pid, signo);
	if (child->running && getpgid(child->pid) != child->pid)
		kill(child->pid, signo);	/* it has left its group */
}

bool
child_group_exists(const Child *child)
{
	return child->pid > 0 && (kill(-child->pid, 0) == 0 || errno == EPERM);
}

void
child_await_helper(pid_t pid)
{
	int			i;

	for (i = 0; i < HELPER_ENDS_WITHIN_MS && waitpid(pid, NULL, WNOHANG) == 0; i++)
		(void) poll(NULL, 0, 1);
}

void
child_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The child has ended: keep what is to know of it. */
static void
keep_end(Child *child, int status)
{
	child->running = false;
	child->stopped = false;
	child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	child->status = child->signal ? STATUS_SIGNAL_BASE + child->signal : WEXITSTATUS(status);
	if (recv(child->fd, &child->exec_error, sizeof(int), MSG_DONTWAIT) != sizeof(int))
		child->exec_error = 0;
	close(child->fd);
	child->fd = -1;
}

ChildEvent
child_reap(Child *child)
{
	int			status;
	pid_t		pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
	{
		/* adopted orphans, and helpers of ours, only have to be reaped */
		if (pid != child->pid || !child->running)
			continue;
		if (!WIFCONTINUED(status))
			break;
		child->stopped = false;
	}
	if (pid <= 0)
		return CHILD_NOTHING;
	if (WIFSTOPPED(status))
	{
		child->stopped = true;
		child->stop_signal = WSTOPSIG(status);
		return CHILD_STOPPED;
	}
	keep_end(child, status);
	return CHILD_ENDED;
}
