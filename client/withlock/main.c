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
#include <unistd.h>

#include "withlock/conninfo.h"
#include "withlock/message.h"
#include "withlock/nesting.h"
#include "withlock/options.h"
#include "withlock/report.h"
#include "withlock/run.h"

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
run(const Options *options, const char *conninfo, const char *target)
{
	const char *conflict = nesting_conflict(options, target);

	if (conflict)
	{
		say_error("lock \"%s\" is held by a withlock that this one runs under: it "
				  "would wait for itself; leave out one of the two", conflict);
		return STATUS_USAGE;
	}
	if (!nesting_export(options, target))
	{
		say_error("out of memory");
		return STATUS_INTERNAL;
	}
	return run_command(options, conninfo);
}

static int
connect_and_act(Options *options)
{
	char	   *conninfo;
	char	   *target;
	int			status;

	if (!conninfo_build(options, &conninfo, &target))
		status = STATUS_USAGE;
	else if (options->action == ACTION_RUN)
		status = run(options, conninfo, target);
	else
		status = report(options, conninfo);
	free(conninfo);
	free(target);
	return status;
}

static int
act(Options *options)
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
	return status;
}
