/*-------------------------------------------------------------------------
 *
 * history.c
 *	  What a worker did and when: a line an event, for the checker.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int	file = -1;
static char writer[64];
static long op = 0;

void
history_open(const char *path, const char *who)
{
	file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (file < 0)
	{
		perror(path);
		exit(1);
	}
	snprintf(writer, sizeof(writer), "%s", who);
}

int64_t
history_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

void
history_next_op(void)
{
	op++;
}

void
history_event_at(int64_t at, const char *event, const char *name,
				 int64_t token, int process, const char *detail)
{
	char		line[8192];
	int			length;

	/* the pid makes operations of a worker's successor different ones */
	length = snprintf(line, sizeof(line), "%lld\t%s\t%d.%ld\t%s\t%s\t%lld\t%d\t%s\n",
					  (long long) at, writer, (int) getpid(), op, event,
					  name ? name : "-", (long long) token, process,
					  detail && *detail ? detail : "-");
	if (length >= (int) sizeof(line))
	{
		length = sizeof(line) - 1;
		line[length - 1] = '\n';
	}
	if (write(file, line, length) != length)
		_exit(3);
}

void
history_event(const char *event, const char *name, int64_t token, int process,
			  const char *detail)
{
	history_event_at(history_now(), event, name, token, process, detail);
}
