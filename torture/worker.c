/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A program that takes locks in one way, over and over, and writes down
 *	  what it saw.
 *
 *		worker WAY HISTORY WHO SEED CONNINFO NAMES [OPTION...]
 *
 *	  Options: fenced, unchecked, delayed, longest=MS, exit=CODE.  SIGTERM ends it after
 *	  the operation that is under way.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "history.h"

volatile bool stopping = false;
static unsigned int state;

static void
on_term(int signal_number)
{
	(void) signal_number;
	stopping = true;
}

int
chance(int limit)
{
	return rand_r(&state) % limit;
}

/*
 * Mostly short, so that there is a crowd; sometimes long enough to be hit.  Of
 * any length where that was said.
 */
int
hold_ms(const Orders *orders)
{
	int			kind = chance(20);

	if (orders->longest_ms > 0)
		return chance(orders->longest_ms);
	if (kind < 16)
		return chance(2);
	if (kind < 19)
		return chance(10);
	return chance(80);
}

static void
split_names(Orders *orders, char *names)
{
	char	   *name;

	for (name = strtok(names, ","); name && orders->name_count < 8; name = strtok(NULL, ","))
		orders->names[orders->name_count++] = name;
}

static void
read_option(Orders *orders, const char *option)
{
	if (strcmp(option, "fenced") == 0)
		orders->fenced = true;
	else if (strcmp(option, "unchecked") == 0)
		orders->unchecked = true;
	else if (strcmp(option, "delayed") == 0)
		orders->delayed = true;
	else if (strncmp(option, "longest=", 8) == 0)
		orders->longest_ms = atoi(option + 8);
	else if (strncmp(option, "exit=", 5) == 0)
		orders->exit_code = atoi(option + 5);
	else
		exit(2);
}

int
main(int argc, char **argv)
{
	Orders		orders = {0};
	int			i;

	if (argc < 7)
		return 2;
	history_open(argv[2], argv[3]);
	state = atoi(argv[4]);
	orders.way = argv[1];
	orders.conninfo = argv[5];
	split_names(&orders, argv[6]);
	for (i = 7; i < argc; i++)
		read_option(&orders, argv[i]);

	if (strcmp(orders.way, "job") == 0)
		return run_job(&orders);
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(orders.way, "sampler") == 0)
		run_sampler(&orders);
	else if (strcmp(orders.way, "pulse") == 0)
		run_pulse();
	else if (strncmp(orders.way, "lib", 3) == 0)
		run_library(&orders);
	else
		run_sql(&orders);
	return 0;
}
