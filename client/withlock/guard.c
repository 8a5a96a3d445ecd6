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
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "withlock/child.h"

/*
 * withlock goes first, to say why.  The server keeps others off for a second
 * more than the grace; where there is none, it may keep nobody off.
 */
#define AFTER_GRACE_MS 500
#define AFTER_WITHLOCK_MS 20

/* A group that is killed, but for dead members that nobody clears away. */
#define COMMAND_ENDS_WITHIN_MS 100

/* What the process has open, and nothing else. */
#define TO_SERVER STDIN_FILENO
#define TO_WITHLOCK STDOUT_FILENO

/*
 * The session of a withlock that was killed lives until we close the
 * connection: the last one, so that the next holder comes after the command.
 */
static void __attribute__((noreturn))
kill_command(pid_t command, bool is_ours)
{
	int			i;

	if (is_ours && getpgid(command) != command)
		kill(command, SIGKILL); /* it has left its group */
	(void) send(TO_WITHLOCK, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	for (i = 0; i < COMMAND_ENDS_WITHIN_MS && kill(-command, SIGKILL) == 0; i++)
		(void) poll(NULL, 0, 1);
	_exit(EXIT_SUCCESS);
}

/* In ms, before it kills without having been told to; -1 for ever. */
static int
time_left(const Guard *guard)
{
	int64_t		left;

	if (guard->time == NULL)
		return -1;
	left = __atomic_load_n(guard->time, __ATOMIC_RELAXED) - now_ms();
	if (left > INT_MAX)
		return INT_MAX;
	return left < 0 ? 0 : (int) left;
}

/*
 * The process.  Only async-signal-safe calls here, as after any fork of ours.
 * It has a process group of its own, so that what stops withlock's does not
 * stop it.  It does not read what the server sends, only sees it hang up.
 * While withlock is stopped nobody waits for the command, so its number stays
 * its own.  One that ends in order ends us first: that its end of the socket
 * is closed means that it was killed, and the kernel kills the command.
 */
static void __attribute__((noreturn))
watch(const Guard *guard)
{
	struct pollfd fds[] = {{.fd = TO_WITHLOCK}, {.fd = TO_SERVER, .events = POLLRDHUP}};
	pid_t		command = guard->command;
	int			patience_ms = AFTER_WITHLOCK_MS;

	if (guard->grace_ms > 0)
		patience_ms = guard->grace_ms > INT_MAX - AFTER_GRACE_MS ? INT_MAX : guard->grace_ms + AFTER_GRACE_MS;
	prctl(PR_SET_NAME, "withlock-guard");
	setpgid(0, 0);
	close_range(TO_WITHLOCK + 1, ~0U, 0);
	while (poll(fds, 2, time_left(guard)) < 1 && time_left(guard) != 0)
		continue;
	if (!fds[0].revents && guard->time == NULL)
		(void) poll(fds, 1, patience_ms);
	kill_command(command, !fds[0].revents);
}

/* Where the process begins, with its end of the socket to withlock. */
static void __attribute__((noreturn))
become_guard(const Guard *guard, int withlock)
{
	/* whatever numbers they have: closed descriptors may be taken again */
	int			watched = fcntl(guard->server >= 0 ? guard->server : withlock, F_DUPFD, TO_WITHLOCK + 1);

	if (dup2(withlock, TO_WITHLOCK) < 0 || dup2(watched, TO_SERVER) < 0)
		_exit(EXIT_FAILURE);
	watch(guard);
}

static int
start_process(Guard *guard)
{
	int			error = 0;
	int			fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return errno;
	guard->pid = fork();
	if (guard->pid == 0)
	{
		close(fds[0]);
		become_guard(guard, fds[1]);
	}
	if (guard->pid < 0)
		error = errno;
	close(fds[1]);
	if (error)
		close(fds[0]);
	else
		guard->fd = fds[0];
	return error;
}

int
guard_start(Guard *guard, int server, pid_t command, int grace_ms)
{
	*guard = (Guard) {.fd = -1, .server = server, .command = command, .grace_ms = grace_ms};
	return start_process(guard);
}

/* The process reads the time from memory that it shares with us. */
int
guard_start_timed(Guard *guard, int64_t dead_by, pid_t command)
{
	int64_t    *time = guard->time;

	if (time == NULL)
		time = mmap(NULL, sizeof(*time), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (time == MAP_FAILED)
		return errno;
	*guard = (Guard) {.fd = -1, .server = -1, .command = command, .time = time};
	guard_extend(guard, dead_by);
	return start_process(guard);
}

void
guard_extend(const Guard *guard, int64_t dead_by)
{
	if (guard->time != NULL)
		__atomic_store_n(guard->time, dead_by + AFTER_WITHLOCK_MS, __ATOMIC_RELAXED);
}

/* Clear away a process that has ended by somebody else's doing. */
static bool
was_ended(Guard *guard)
{
	char		byte;

	if (guard->fd < 0 || guard->pid <= 0 ||
		recv(guard->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0)
		return false;
	close(guard->fd);
	guard->fd = -1;
	return true;
}

void
guard_renew(Guard *guard)
{
	if (was_ended(guard))
		(void) start_process(guard);
}

void
guard_renew_until(Guard *guard, int64_t dead_by)
{
	if (was_ended(guard))
		(void) guard_start_timed(guard, dead_by, guard->command);
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
