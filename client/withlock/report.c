/*-------------------------------------------------------------------------
 *
 * report.c
 *	  Looking and acting by name: --list, --status, --kill.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/report.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "withlock/holders.h"
#include "withlock/message.h"
#include "withlock/queries.h"
#include "withlock/session.h"
#include "withlock/table.h"
#include "withlock/text.h"

#define WATCH_EVERY_MS 1000

/* The name asked about, for messages. */
static const char *
subject(const Options *options)
{
	return options->name_count > 0 ? options->names[0] : "all locks";
}

static advlock_result
connect_and_wait(const Options *options, advlock *session)
{
	advlock_result result = session ? advlock_status(session) : ADVLOCK_NOMEM;

	(void) options;
	while (result == ADVLOCK_WAITING)
	{
		struct pollfd fd = {.fd = advlock_socket(session),
		.events = (short) advlock_events(session)};

		poll(&fd, 1, advlock_wait_ms(session));
		result = advlock_poll(session);
	}
	return result;
}

/* Say why the server did not answer a query, and clear its result. */
static void
complain(const Options *options, advlock *session, PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	say_error("%s: %s", subject(options),
			  primary ? primary : PQerrorMessage(advlock_connection(session)));
	PQclear(result);
}

/* Run a query whose only parameter is the name; NULL after saying why not. */
static PGresult *
ask_by_name(const Options *options, advlock *session, const char *query)
{
	const char *values[1] = {options->name_count > 0 ? options->names[0] : NULL};
	PGresult   *result = PQexecParams(advlock_connection(session), query, 1, NULL,
									  values, NULL, NULL, 0);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	complain(options, session, result);
	return NULL;
}

static int
report_list_once(const Options *options, advlock *session)
{
	bool		extension = advlock_has_extension(session);
	PGresult   *result = ask_by_name(options, session, options->json ?
									 query_list_json(extension) : query_list(extension));

	if (result == NULL)
		return STATUS_UNAVAILABLE;
	if (options->json)
	{
		put_json(stdout, PQgetvalue(result, 0, 0));
		putchar('\n');
	}
	else
		table_print(result);
	PQclear(result);
	return 0;
}

/* Show the list again and again, in place at a terminal. */
static int
report_watch(const Options *options, advlock *session)
{
	bool		in_place = isatty(STDOUT_FILENO) && !options->json;
	int			status = 0;

	while (status == 0 && !ferror(stdout))
	{
		if (in_place)
			fputs("\033[H\033[J", stdout);
		status = report_list_once(options, session);
		fflush(stdout);
		poll(NULL, 0, WATCH_EVERY_MS);
	}
	return status;
}

static int
report_status(const Options *options, advlock *session)
{
	PGconn	   *conn = advlock_connection(session);
	PGresult   *result = holders_ask(options, session) ? PQgetResult(conn) : NULL;
	int			capacity = options->permits > 0 ? options->permits : 1;
	char	   *words = holders_describe(result, 0);
	bool		busy;

	if (words == NULL)
	{
		complain(options, session, result);
		return STATUS_UNAVAILABLE;
	}
	busy = holders_count(result) >= capacity;
	PQclear(result);
	PQclear(PQgetResult(conn));
	if (options->json)
		(void) report_list_once(options, session);
	else
	{
		put_visible(stdout, options->names[0]);
		fputs(": ", stdout);
		put_visible(stdout, words);
		putchar('\n');
	}
	free(words);
	return busy ? options->conflict_status : 0;
}

static int
report_kill(const Options *options, advlock *session)
{
	PGresult   *result = ask_by_name(options, session,
									 query_kill(advlock_has_extension(session)));
	int			count;

	if (result == NULL)
		return STATUS_UNAVAILABLE;
	count = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	if (options->json)
		printf("{\"terminated\": %d}\n", count);
	else if (count == 0)
		say("lock \"%s\": nobody holds it", subject(options));
	else
		say("lock \"%s\": ended %d session(s)", subject(options), count);
	return count == 0 ? STATUS_NOBODY : 0;
}

static int
report_action(const Options *options, advlock *session)
{
	switch (options->action)
	{
		case ACTION_STATUS:
			return report_status(options, session);
		case ACTION_KILL:
			return report_kill(options, session);
		default:
			return options->watch ? report_watch(options, session) :
				report_list_once(options, session);
	}
}

int
report(const Options *options, const char *conninfo)
{
	advlock    *session = session_start_observer(options, conninfo, options->timeout_ms > 0 ?
												 options->timeout_ms : -1);
	advlock_result result = connect_and_wait(options, session);
	int			status;

	if (result == ADVLOCK_OK)
		status = report_action(options, session);
	else
	{
		say_error("%s: %s", subject(options),
				  session ? advlock_error(session) : advlock_result_text(result));
		status = session_failure_status(options, result);
	}
	advlock_close(session);
	return status;
}
