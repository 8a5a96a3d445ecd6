/*-------------------------------------------------------------------------
 *
 * main.c
 *	  Run a command while holding a named lock of a PostgreSQL database.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/withlock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "withlock/conninfo.h"
#include "withlock/kill.h"
#include "withlock/look.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/options.h"
#include "withlock/run.h"
#include "withlock/speaker.h"

/*
 * Were 0, 1 or 2 closed, the server's socket would get that number, and the
 * command would write into it.
 */
static bool
open_standard_descriptors(void)
{
	int			fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && close(fd) == 0;
}

/* A broken pipe is an error of the write, not the end of withlock. */
static void
block_sigpipe(void)
{
	sigset_t	set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int
act_by_name(const Options *options, const char *conninfo)
{
	switch (options->action)
	{
		case ACTION_LIST:
			return observe(options, conninfo, look_at_list);
		case ACTION_STATUS:
			return observe(options, conninfo, look_at_status);
		case ACTION_KILL:
			return observe(options, conninfo, kill_holders);
		default:
			return run_command(options, conninfo);
	}
}

static int
connect_and_act(const Options *options)
{
	char	   *conninfo = conninfo_build(options);
	int			status = conninfo ? act_by_name(options, conninfo) : STATUS_USAGE;

	free(conninfo);
	return status;
}

static int
act(const Options *options)
{
	switch (options->action)
	{
		case ACTION_HELP:
			options_print_help();
			return 0;
		case ACTION_VERSION:
			printf("withlock (advisory_lock) %s\n", advlock_version());
			return 0;
		default:
			return connect_and_act(options);
	}
}

/*
 * Die of the signal that ended the command or the wait, without a core: only
 * so does a shell end its loop, too.  It sees 128 + n in any case.
 */
static int
die_of(int signo)
{
	struct rlimit none = {0, 0};
	sigset_t	set;

	setrlimit(RLIMIT_CORE, &none);
	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return STATUS_SIGNAL_BASE + signo;	/* init of a container does not die */
}

/* What was asked for on stdout must have got there. */
static int
finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	say_error("could not write to standard output");
	return status == 0 ? STATUS_INTERNAL : status;
}

int
main(int argc, char **argv)
{
	Options		options;
	int			status = STATUS_USAGE;

	if (!open_standard_descriptors())
		return STATUS_INTERNAL;
	block_sigpipe();
	if (options_parse(&options, argc, argv))
	{
		message_init(options.quiet, options.verbose);
		status = finish_output(act(&options));
	}
	options_free(&options);
	speaker_finish();
	return status < 0 ? die_of(-status) : status;
}
