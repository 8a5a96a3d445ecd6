/*-------------------------------------------------------------------------
 *
 * nesting.c
 *	  A command under a lock that asks for the same lock.
 *
 * WITHLOCK_HELD is a list of "PID@TARGET@NAME", one for each lock held by a
 * withlock above, separated by spaces; what could be mistaken is escaped as
 * in a URI.  The process is named because the variable outlives it: a daemon
 * started under a lock inherits it, and may take that lock later on.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/nesting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "WITHLOCK_HELD"

static void
put_escaped(FILE *stream, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *) text; *p; p++)
	{
		if (*p <= ' ' || *p == '%' || *p == '@' || *p >= 0x7f)
			fprintf(stream, "%%%02X", *p);
		else
			fputc(*p, stream);
	}
}

/* "@TARGET@NAME", to be freed; NULL if memory ran out. */
static char *
lock_identity(const char *target, const char *name)
{
	char	   *text = NULL;
	size_t		size;
	FILE	   *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	fputc('@', stream);
	put_escaped(stream, target);
	fputc('@', stream);
	put_escaped(stream, name);
	return fclose(stream) == 0 ? text : NULL;
}

/* The parent of a process, 0 if it cannot be known. */
static pid_t
parent_of(pid_t pid)
{
	char		path[64];
	char		line[512];
	int			parent = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file))
	{
		/* the command's name, in parentheses, may hold anything */
		char	   *end = strrchr(line, ')');

		if (end == NULL || sscanf(end + 1, " %*c %d", &parent) != 1)
			parent = 0;
	}
	fclose(file);
	return parent;
}

static bool
is_ancestor(pid_t candidate)
{
	pid_t		pid = getppid();

	while (pid > 1 && pid != candidate)
		pid = parent_of(pid);
	return pid == candidate;
}

/* Does a withlock above hold the lock of this identity? */
static bool
held_above(const char *held, const char *identity)
{
	size_t		length = strlen(identity);
	const char *entry = held;

	while (entry)
	{
		char	   *end;
		long		pid = strtol(entry, &end, 10);

		if (strncmp(end, identity, length) == 0 &&
			(end[length] == ' ' || end[length] == '\0') && is_ancestor((pid_t) pid))
			return true;
		entry = strchr(entry, ' ');
		if (entry)
			entry++;
	}
	return false;
}

const char *
nesting_conflict(const Options *options, const char *target)
{
	const char *held = getenv(VARIABLE);
	const char *conflict = NULL;
	size_t		i;

	for (i = 0; held && !conflict && i < options->name_count; i++)
	{
		char	   *identity = lock_identity(target, options->names[i]);

		if (identity && held_above(held, identity))
			conflict = options->names[i];
		free(identity);
	}
	return conflict;
}

bool
nesting_export(const Options *options, const char *target)
{
	const char *held = getenv(VARIABLE);
	char	   *text = NULL;
	size_t		size;
	FILE	   *stream = open_memstream(&text, &size);
	size_t		i;
	bool		done;

	if (stream == NULL)
		return false;
	if (held)
		fputs(held, stream);
	for (i = 0; i < options->name_count; i++)
	{
		char	   *identity = lock_identity(target, options->names[i]);

		fprintf(stream, "%s%d%s", i > 0 || held ? " " : "", (int) getpid(),
				identity ? identity : "");
		free(identity);
	}
	done = fclose(stream) == 0 && setenv(VARIABLE, text, 1) == 0;
	free(text);
	return done;
}
