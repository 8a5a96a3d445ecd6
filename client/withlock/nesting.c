/*-------------------------------------------------------------------------
 *
 * nesting.c
 *	  A command under a lock that asks for the same lock.
 *
 * WITHLOCK_HELD is a list of "PID@DATABASE@MODE@NAME", one for each lock held
 * by a withlock above, separated by spaces; what could be mistaken is escaped
 * as in a URI.  The database is what it calls itself, so that all ways to
 * connect to it are one.  MODE is "x" or "s" for shared; a permit is the lock
 * "NAME#i".  The process is named because the variable outlives it: a daemon
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

#include "withlock/message.h"
#include "withlock/stream.h"

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

/* "@DATABASE@MODE@NAME" */
static void
put_identity(FILE *stream, const advlock *session, char mode, const char *name)
{
	fputc('@', stream);
	put_escaped(stream, advlock_database(session));
	fprintf(stream, "@%c@", mode);
	put_escaped(stream, name);
}

/* The same, to be freed; NULL if memory ran out. */
static char *
lock_identity(const advlock *session, char mode, const char *name)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);

	if (stream == NULL)
		return NULL;
	put_identity(stream, session, mode, name);
	return stream_close(stream, &text);
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

/*
 * The identity in an entry of the list, if a withlock above made the entry;
 * "" otherwise.  *entry goes on to the next one, NULL after the last.
 */
static const char *
next_held(const char **entry)
{
	char	   *identity;
	long		pid = strtol(*entry, &identity, 10);

	*entry = strchr(*entry, ' ');
	if (*entry)
		(*entry)++;
	return is_ancestor((pid_t) pid) ? identity : "";
}

/* Does a withlock above hold the lock of this identity? */
static bool
held_above(const char *identity)
{
	const char *entry = getenv(VARIABLE);
	size_t		length = strlen(identity);

	while (entry)
	{
		const char *held = next_held(&entry);

		if (strncmp(held, identity, length) == 0 && (held[length] == ' ' || held[length] == '\0'))
			return true;
	}
	return false;
}

/* How many of the permits 1 to most of a pool do withlocks above hold? */
static int
permits_above(const char *pool, int most)
{
	const char *entry = getenv(VARIABLE);
	size_t		length = strlen(pool);
	int			count = 0;

	while (entry)
	{
		const char *held = next_held(&entry);
		long		permit = strncmp(held, pool, length) == 0 && held[length] == '#' ?
			strtol(held + length + 1, NULL, 10) : 0;

		count += permit > 0 && permit <= most;
	}
	return count;
}

/* Would the wait for the lock of this name be one for ourselves? */
static bool
waits_for_above(const Options *options, const advlock *session, const char *name)
{
	char	   *exclusive = lock_identity(session, 'x', name);
	char	   *shared = lock_identity(session, 's', name);
	bool		waits = false;

	if (exclusive && options->permits > 0)
		waits = permits_above(exclusive, options->permits) >= options->permits;
	else if (exclusive && shared)
		waits = held_above(exclusive) || (!options->shared && held_above(shared));
	free(exclusive);
	free(shared);
	return waits;
}

bool
nesting_allows(const Options *options, const advlock *session)
{
	size_t		i;

	for (i = 0; i < options->name_count; i++)
	{
		if (!waits_for_above(options, session, options->names[i]))
			continue;
		say_error("lock %s is held by a withlock that this one runs under: it "
				  "would wait for itself; leave out one of the two", options->shown[i]);
		return false;
	}
	return true;
}

/* The entries that are not our own, each with a blank behind it. */
static void
put_inherited(FILE *stream)
{
	const char *entry = getenv(VARIABLE);

	while (entry && *entry)
	{
		size_t		length = strcspn(entry, " ");

		if (strtol(entry, NULL, 10) != getpid())
			fprintf(stream, "%.*s ", (int) length, entry);
		entry += length + (entry[length] == ' ');
	}
}

static void
put_own(FILE *stream, const Options *options, const advlock *session, const char *name)
{
	int			permit = advlock_permit(session, name);

	fprintf(stream, "%d", (int) getpid());
	put_identity(stream, session, options->shared ? 's' : 'x', name);
	if (permit > 0)
		fprintf(stream, "#%d", permit);
}

bool
nesting_export(const Options *options, const advlock *session)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);
	char	   *value;
	size_t		i;
	bool		done;

	if (stream == NULL)
		return false;
	put_inherited(stream);
	for (i = 0; i < options->name_count; i++)
	{
		if (i > 0)
			fputc(' ', stream);
		put_own(stream, options, session, options->names[i]);
	}
	value = stream_close(stream, &text);
	done = value != NULL && setenv(VARIABLE, value, 1) == 0;
	free(value);
	return done;
}
