/*-------------------------------------------------------------------------
 *
 * tool.c
 *	  Which key a tool has, and whose a key is: the extension knows.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/tool.h"

#include <stdlib.h>

#include "common/cell.h"
#include "common/text.h"
#include "withlock/key.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"

/* Nobody wants to wait for it for longer. */
#define ANSWER_MS 8000

/* More keys than these are counted, not shown. */
#define MOST_SHOWN 20

/* The columns of query_tool_keys. */
enum
{
	TOOL,
	KEY,
	SCHEMAS
};

ToolQuestion
tool_ask(const Options *options, advlock *session)
{
	bool		by_tool = key_is_of_tool(options);
	KeyParameters key;
	const char *values[2] = {options->key, key.space};

	if (options->key == NULL || (!advlock_has_extension(session) && !by_tool))
		return TOOL_NO_QUESTION;
	if (!advlock_has_extension(session))
	{
		say_error("lock %s: which key that is, the extension advisory_lock knows, which the "
				  "database does not have", options->shown[0]);
		say_error("hint: install it and run CREATE EXTENSION advisory_lock, or give the key as a number");
		return TOOL_FAILED;
	}
	if (!by_tool)
	{
		key_parameters(options, &key);
		values[0] = key.key;
	}
	if (observer_send(session, true, by_tool ? query_tool_keys : query_tool_of_key,
					  by_tool ? 1 : 2, values))
		return TOOL_ASKED;
	say_error("lock %s: %s", options->shown[0], PQerrorMessage(advlock_connection(session)));
	return TOOL_FAILED;
}

/* The lock is known from here on; "(tool)" goes to its title. */
static int
name_lock(const Options *options, const char *tool)
{
	char	   *title = key_title(options, tool);

	if (title == NULL)
	{
		say_error("out of memory");
		return STATUS_INTERNAL;
	}
	free(options->shown[0]);
	options->shown[0] = title;
	return 0;
}

static void
list_keys(const Options *options, const PGresult *keys)
{
	int			count = PQntuples(keys);

	say_error("--key %s: there are %d such keys in this database; give the number of one:",
			  options->key, count);
	for (int i = 0; i < count && i < MOST_SHOWN; i++)
		say_error("%s (%s%s%s)", advl_cell(keys, i, KEY), advl_cell(keys, i, TOOL),
				  advl_cell_is_null(keys, i, SCHEMAS) ? "" : ", schema ", advl_cell(keys, i, SCHEMAS));
	if (count > MOST_SHOWN)
		say_error("and %d more, see the view advisory_lock.known_keys", count - MOST_SHOWN);
}

static void
list_tools(const Options *options, const PGresult *tools)
{
	advl_text	names = {0};

	for (int i = 0; i < PQntuples(tools); i++)
		advl_text_appendf(&names, "%s%s", i == 0 ? "" : ", ", advl_cell(tools, i, TOOL));
	say_error("--key %s: no tool of this name has a key in this database; these have: %s",
			  options->key, names.broken ? "" : advl_text_str(&names));
	advl_text_free(&names);
}

/* The key of the one tool that was meant. */
static int
take_keys(const Options *options, const PGresult *keys)
{
	if (PQntuples(keys) == 0 || advl_cell_is_null(keys, 0, KEY))
		list_tools(options, keys);
	else if (PQntuples(keys) > 1)
		list_keys(options, keys);
	else if (key_read(advl_cell(keys, 0, KEY), options->key_text))
		return name_lock(options, advl_cell(keys, 0, TOOL));
	return STATUS_USAGE;
}

/* Whose a number is, is only for its title. */
int
tool_take(const Options *options, const PGresult *answer)
{
	const char *error;

	if (PQresultStatus(answer) == PGRES_TUPLES_OK && key_is_of_tool(options))
		return take_keys(options, answer);
	if (!key_is_of_tool(options))
		return name_lock(options, PQresultStatus(answer) != PGRES_TUPLES_OK ||
						 advl_cell_is_null(answer, 0, 0) ? NULL : advl_cell(answer, 0, 0));
	error = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
	say_error("lock %s: cannot ask for its key: %s", options->shown[0],
			  error ? error : "the server does not answer");
	return STATUS_UNAVAILABLE;
}

int
tool_resolve(const Options *options, advlock *session)
{
	ToolQuestion question = tool_ask(options, session);
	PGresult   *answer;
	int			status;

	if (question != TOOL_ASKED)
		return question == TOOL_FAILED ? STATUS_UNAVAILABLE : 0;
	answer = observer_await(session, ANSWER_MS);
	status = tool_take(options, answer);
	PQclear(answer);
	return status;
}
