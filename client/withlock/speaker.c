/*-------------------------------------------------------------------------
 *
 * speaker.c
 *	  What writes withlock's words to stderr.
 *
 * A process and not a thread: one that hangs in the kernel keeps nothing of
 * withlock's, neither the connection nor the exit status.  A socket and not a
 * pipe: it takes a message as a whole or not at all, and tells back how many
 * have been written.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/speaker.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "withlock/child.h"

#define MAX_WORDS 65536

typedef struct Speaker
{
	bool		started;
	int			fd;				/* to the process; -1: there is none */
	pid_t		pid;
	uint32_t	said;			/* messages given to it */
	uint32_t	written;		/* ... of which it is through with so many */
} Speaker;

static Speaker speaker = {.fd = -1};

/* Write it all, if it takes for ever. */
static void
write_words(const char *words, size_t size)
{
	while (size > 0)
	{
		struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
		ssize_t		n = write(STDERR_FILENO, words, size);

		if (n > 0)
		{
			words += n;
			size -= (size_t) n;
		}
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return;
		else
			(void) poll(&fd, 1, -1);	/* somebody made it non-blocking */
	}
}

/*
 * The process; there may have been a thread before the fork that looked a name
 * up, so only async-signal-safe calls here.  It keeps nothing but the socket
 * and stderr: no connection, and no pipe whose end somebody waits for.
 */
static void __attribute__((noreturn))
speak(int fd, pid_t parent)
{
	static char words[MAX_WORDS];
	uint32_t	written = 0;
	ssize_t		n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, STDIN_FILENO) < 0)
		_exit(EXIT_FAILURE);
	prctl(PR_SET_NAME, "withlock-speaks");
	close(STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	while ((n = recv(STDIN_FILENO, words, sizeof(words), 0)) > 0)
	{
		write_words(words, (size_t) n);
		written++;
		(void) send(STDIN_FILENO, &written, sizeof(written), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	_exit(EXIT_SUCCESS);
}

static void
forget_process(void)
{
	close(speaker.fd);
	speaker = (Speaker) {.started = true, .fd = -1};
}

static bool
start_process(void)
{
	pid_t		self = getpid();
	int			fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	speaker.pid = fork();
	if (speaker.pid == 0)
		speak(fds[1], self);
	close(fds[1]);
	speaker.fd = fds[0];
	if (speaker.pid < 0)
		forget_process();
	return speaker.fd >= 0;
}

/* Without a process: only what can be written at once. */
static void
say_if_ready(const char *words, size_t size)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (size <= PIPE_BUF && poll(&fd, 1, 0) > 0 && (fd.revents & POLLOUT))
		(void) !write(STDERR_FILENO, words, size);
}

void
speaker_start(void)
{
	speaker.started = true;
}

void
speaker_say(const char *words, size_t size)
{
	ssize_t		n;

	if (!speaker.started)
		write_words(words, size);
	else if (speaker.fd < 0 && !start_process())
		say_if_ready(words, size);
	else
	{
		n = send(speaker.fd, words, size < MAX_WORDS ? size : MAX_WORDS,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			speaker.said++;
		else if (errno != EAGAIN && errno != ENOBUFS)
			forget_process();
	}
}

bool
speaker_is_behind(void)
{
	uint32_t	written;
	ssize_t		n;

	if (speaker.fd < 0)
		return false;
	while ((n = recv(speaker.fd, &written, sizeof(written), MSG_DONTWAIT)) == sizeof(written))
		speaker.written = written;
	if (n == 0)
		forget_process();		/* somebody has ended it */
	return speaker.fd >= 0 && speaker.written != speaker.said;
}

struct pollfd
speaker_pollfd(void)
{
	struct pollfd fd = {.fd = speaker_is_behind() ? speaker.fd : -1, .events = POLLIN};

	return fd;
}

void
speaker_wait(void)
{
	int64_t		until = now_ms() + SPEAKER_PATIENCE_MS;

	while (speaker_is_behind())
	{
		struct pollfd fd = {.fd = speaker.fd, .events = POLLIN};
		int64_t		left = until - now_ms();

		if (left <= 0 || poll(&fd, 1, (int) left) <= 0)
			return;
	}
}

void
speaker_finish(void)
{
	speaker_wait();
	if (speaker.fd < 0)
		return;
	/* one that hangs would write when nobody expects it any more */
	kill(speaker.pid, SIGKILL);
	child_await_helper(speaker.pid);
	forget_process();
}
