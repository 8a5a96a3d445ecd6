/*-------------------------------------------------------------------------
 *
 * loop.c
 *	  The one place where withlock sleeps: signals, sockets and a timer.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/loop.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4

static bool
ignored_at_start(int signo)
{
	struct sigaction action;

	return sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void
block_signals(sigset_t *watched)
{
	int			signo;

	/* while SIGCHLD is ignored there is no status to wait for */
	signal(SIGCHLD, SIG_DFL);
	sigfillset(watched);
	for (signo = 1; signo <= SIGRTMAX; signo++)
	{
		if (ignored_at_start(signo))
			sigdelset(watched, signo);
	}
	sigprocmask(SIG_SETMASK, watched, NULL);
}

bool
loop_init(Loop *loop)
{
	sigset_t	watched;

	block_signals(&watched);
	loop->timer_fd = -1;
	loop->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signal_fd >= 0)
		loop->timer_fd = timerfd_create(CLOCK_OF_DEADLINES, TFD_CLOEXEC | TFD_NONBLOCK);
	return loop->timer_fd >= 0;
}

void
loop_close(Loop *loop)
{
	close(loop->signal_fd);
	close(loop->timer_fd);
}

/* Setting the timer also forgets that it went off before. */
static void
set_timer(int fd, int64_t wake_at)
{
	struct itimerspec spec;

	memset(&spec, 0, sizeof(spec));
	if (wake_at != NEVER)
	{
		/* a value of zero would stop the timer, a past one fires at once */
		spec.it_value.tv_sec = wake_at / 1000;
		spec.it_value.tv_nsec = wake_at % 1000 * 1000000 + 1;
	}
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void
loop_wait(Loop *loop, struct pollfd *fds, int count, int64_t wake_at)
{
	struct pollfd all[MAX_DESCRIPTORS + 2];
	int			i;

	set_timer(loop->timer_fd, wake_at);
	all[0] = (struct pollfd) {.fd = loop->signal_fd, .events = POLLIN};
	all[1] = (struct pollfd) {.fd = loop->timer_fd, .events = POLLIN};
	memcpy(&all[2], fds, (size_t) count * sizeof(struct pollfd));
	loop->slept_at = now_ms();
	if (poll(all, (nfds_t) count + 2, -1) < 0)
		count = 0;
	loop->overslept = wake_at != NEVER && wake_at > loop->slept_at &&
		now_ms() - wake_at > OVERSLEEP_MS;
	for (i = 0; i < count; i++)
		fds[i].revents = all[i + 2].revents;
}

int
loop_next_signal(Loop *loop)
{
	struct signalfd_siginfo info;

	/*
	 * Writing to a broken pipe sends us a SIGPIPE, stopping our process group
	 * a stop signal: nothing that concerns the command.
	 */
	do
	{
		if (read(loop->signal_fd, &info, sizeof(info)) != sizeof(info))
			return 0;
	} while (info.ssi_code <= 0 && info.ssi_pid == (uint32_t) getpid());
	return (int) info.ssi_signo;
}
