/*-------------------------------------------------------------------------
 *
 * look.c
 *	  Looking at locks by name: --list and --status.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/look.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cell.h"
#include "withlock/holders.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"
#include "withlock/table.h"
#include "withlock/text.h"
#include "withlock/tool.h"

#define WATCH_EVERY_MS 1000

/* The rows as one array, an object a line. */
static void
print_json(const PGresult *result)
{
	int			row;

	putchar('[');
	for (row = 0; row < PQntuples(result); row++)
	{
		if (row > 0)
			fputs(",\n ", stdout);
		put_json(stdout, advl_cell(result, row, COLUMN_JSON));
	}
	puts("]");
}

static int
list_once(const Options *options, advlock *session)
{
	PGresult   *result = observe_query(options, session, options->json ? query_list_json : query_list);
	int			status = 0;

	if (result == NULL)
		return STATUS_UNAVAILABLE;
	if (options->json)
		print_json(result);
	else if (!table_print(result))
	{
		say_error("out of memory");
		status = STATUS_INTERNAL;
	}
	PQclear(result);
	return status;
}

/* Show the list again and again, in place at a terminal. */
static int
watch(const Options *options, advlock *session)
{
	bool		in_place = isatty(STDOUT_FILENO) && !options->json;
	int			status = 0;

	while (status == 0 && !ferror(stdout))
	{
		if (in_place)
			fputs("\033[H\033[J", stdout);
		status = list_once(options, session);
		fflush(stdout);
		poll(NULL, 0, WATCH_EVERY_MS);
	}
	return status;
}

int
look_at_list(const Options *options, advlock *session)
{
	int			status = tool_resolve(options, session);

	if (status != 0)
		return status;
	return options->watch ? watch(options, session) : list_once(options, session);
}

static void
print_status(const Options *options, const PGresult *result)
{
	char	   *words = holders_describe(result, 0);

	if (options->key)
		fputs(options->shown[0], stdout);
	else
		put_visible(stdout, options->names[0]);
	fputs(": ", stdout);
	put_visible(stdout, words ? words : "");
	putchar('\n');
	free(words);
}

int
look_at_status(const Options *options, advlock *session)
{
	int			status = tool_resolve(options, session);
	PGresult   *result = NULL;
	int			capacity = options->permits > 0 ? options->permits : 1;
	bool		busy;

	if (status == 0)
		result = observe_query(options, session, options->json ? query_holders_json : query_holders);
	if (result == NULL)
		return status ? status : STATUS_UNAVAILABLE;
	if (options->json)
		print_json(result);
	else
		print_status(options, result);
	busy = holders_count(result) >= capacity;
	PQclear(result);
	return busy ? options->conflict_status : 0;
}
