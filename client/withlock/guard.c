/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  What ends the command when withlock cannot.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "withlock/child.h"

/* withlock goes first; the server keeps others off for a second more. */
#define AFTER_WITHLOCK_MS 500

/* What the process has open, and nothing else. */
#define TO_SERVER STDIN_FILENO
#define TO_WITHLOCK STDOUT_FILENO

static void __attribute__((noreturn))
kill_command(pid_t command)
{
	(void) send(TO_WITHLOCK, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	kill(-command, SIGKILL);
	_exit(EXIT_SUCCESS);
}

/*
 * The process.  Only async-signal-safe calls here, as after any fork of ours.
 * It has a process group of its own, so that what stops withlock's does not
 * stop it.  It does not read what the server sends, only sees it hang up.
 * While withlock is stopped nobody waits for the command, so its number stays
 * its own.
 */
static void __attribute__((noreturn))
watch(pid_t command, int patience_ms, pid_t parent)
{
	struct pollfd server = {.fd = TO_SERVER, .events = POLLRDHUP};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	prctl(PR_SET_NAME, "withlock-guard");
	setpgid(0, 0);
	close_range(TO_WITHLOCK + 1, ~0U, 0);
	while (poll(&server, 1, -1) < 1)
		continue;
	(void) poll(NULL, 0, patience_ms);
	kill_command(command);
}

int
guard_start(Guard *guard, int server, pid_t command, int grace_ms)
{
	pid_t		self = getpid();
	int			error = 0;
	int			fds[2];

	*guard = (Guard) {.fd = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return errno;
	guard->pid = fork();
	if (guard->pid == 0)
	{
		/* whatever numbers they have: closed descriptors may be taken again */
		server = fcntl(server, F_DUPFD, TO_WITHLOCK + 1);
		if (dup2(fds[1], TO_WITHLOCK) < 0 || dup2(server, TO_SERVER) < 0)
			_exit(EXIT_FAILURE);
		watch(command, grace_ms + AFTER_WITHLOCK_MS, self);
	}
	if (guard->pid < 0)
		error = errno;
	close(fds[1]);
	guard->fd = fds[0];
	if (error)
	{
		close(guard->fd);
		*guard = (Guard) {.fd = -1};
	}
	return error;
}

bool
guard_end(Guard *guard)
{
	char		byte;
	ssize_t		n;

	if (guard->fd < 0 || guard->pid <= 0)
		return false;
	n = recv(guard->fd, &byte, 1, MSG_DONTWAIT);
	/* one that has gone may have been reaped, and its number given away */
	if (n != 0)
		kill(guard->pid, SIGKILL);
	close(guard->fd);
	guard->fd = -1;
	return n == 1;
}

void
guard_await(const Guard *guard)
{
	if (guard->pid > 0)
		child_await_helper(guard->pid);
}
