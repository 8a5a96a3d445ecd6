/*-------------------------------------------------------------------------
 *
 * observer.c
 *	  A session that looks at locks from outside, and takes none.
 *
 * What is sent up to one Sync is one transaction of the server's, without a
 * BEGIN; so it ends there whatever happens, and a pooler in transaction mode
 * keeps it on one server.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/observer.h"

#include <poll.h>
#include <stdio.h>

#include "common/text.h"
#include "withlock/key.h"
#include "withlock/loop.h"
#include "withlock/message.h"
#include "withlock/queries.h"
#include "withlock/session.h"

/* Nobody wants to look at a lock for longer. */
#define ANSWER_MS 8000

/* Permits beyond are not looked at. */
#define MOST_PERMITS 1000

advlock *
observer_start(const char *conninfo, int timeout_ms)
{
	advlock_open_options open;

	advlock_open_options_init(&open);
	open.conninfo = conninfo;
	open.application_name = "withlock";
	open.timeout_ms = timeout_ms;
	open.allow_pooler = 1;
	open.transaction = 1;		/* no settings for the session */
	return advlock_start_open(&open);
}

/* === Asking === */

/* The last permit to look at; one who only looks does not know how many. */
static int
last_permit(const Options *options)
{
	if (options->permits > 0)
		return options->permits < MOST_PERMITS ? options->permits : MOST_PERMITS;
	return options->action == ACTION_RUN ? 0 : MOST_PERMITS;
}

static bool
send(PGconn *conn, const char *sql, int count, const char *const *values)
{
	return PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0) == 1;
}

/*
 * Whoever has created the extension can drop it, and put a view of his own in
 * the place of its view; but not in the transaction in which that view has been
 * parsed, which leaves it locked and runs nothing.  If the extension is there
 * after that, it stays.
 */
static bool
pin_extension(PGconn *conn)
{
	return PQsendPrepare(conn, "", "TABLE advisory_lock.locks", 0, NULL) == 1;
}

bool
observer_send(advlock *session, bool reads, const char *sql, int count, const char *const *values)
{
	PGconn	   *conn = advlock_connection(session);
	char		ms[16];
	const char *settings[2] = {reads ? "on" : NULL, ms};

	snprintf(ms, sizeof(ms), "%d", ANSWER_MS);
	return PQenterPipelineMode(conn) && send(conn, query_settings, 2, settings) &&
		(!advlock_has_extension(session) ||
		 (pin_extension(conn) && send(conn, query_assert_extension, 0, NULL))) &&
		send(conn, sql, count, values) && PQpipelineSync(conn) && PQflush(conn) >= 0;
}

bool
observer_ask(advlock *session, const Options *options, const char *(*query) (bool extension))
{
	advl_text	names = {0};
	char		last[16];
	KeyParameters key = {.key = "0",.space = "0"};
	const char *values[5] = {NULL, options->permits > 0 ? "1" : "0", last, key.key, key.space};
	size_t		i;
	bool		sent;

	for (i = options->key ? 1 : 0; i < options->name_count; i++)
		advl_text_append_element(&names, options->names[i]);
	advl_text_close_array(&names);
	if (options->key)
		key_parameters(options, &key);
	if (options->name_count > 0)
		values[0] = advl_text_str(&names);
	snprintf(last, sizeof(last), "%d", options->key ? 0 : last_permit(options));
	sent = advl_text_str(&names) &&
		observer_send(session, query != query_kill, query(advlock_has_extension(session)), 5, values);
	advl_text_free(&names);
	return sent;
}

/* === The answer === */

static bool
is_error(const PGresult *result)
{
	return result && PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK;
}

/* Of all results the last one counts, or the first error. */
static void
keep(PGresult **answer, PGresult *result)
{
	PGresult   *other = is_error(*answer) ? result : *answer;

	*answer = is_error(*answer) ? *answer : result;
	PQclear(other);
}

/* The end of the connection; it may have said why. */
static bool
give_up(PGresult **answer)
{
	if (!is_error(*answer))
	{
		PQclear(*answer);
		*answer = NULL;
	}
	return true;
}

bool
observer_take(advlock *session, PGresult **answer)
{
	PGconn	   *conn = advlock_connection(session);

	if (!PQconsumeInput(conn) || PQflush(conn) < 0)
		return give_up(answer);
	while (!PQisBusy(conn))
	{
		PGresult   *result = PQgetResult(conn);

		if (result == NULL && PQstatus(conn) == CONNECTION_BAD)
			return give_up(answer);
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			PQexitPipelineMode(conn);
			return true;
		}
		if (result)
			keep(answer, result);
	}
	return false;
}

PGresult *
observer_await(advlock *session, int within_ms)
{
	int64_t		until = now_ms() + within_ms;
	PGresult   *answer = NULL;

	while (!observer_take(session, &answer))
	{
		struct pollfd fd = {.fd = PQsocket(advlock_connection(session)), .events = POLLIN};
		int64_t		left = until - now_ms();

		if (left < 0)
		{
			give_up(&answer);
			break;
		}
		poll(&fd, 1, (int) left);
	}
	return answer;
}

/* === Acting without a command === */

/* How long the server may take, to connect and for each answer. */
static int
patience_ms(const Options *options)
{
	return options->timeout_ms > 0 ? options->timeout_ms : ANSWER_MS;
}

static void
complain(const Options *options, const char *what)
{
	if (options->name_count > 0)
		say_error("lock %s: %s", options->shown[0], what);
	else
		say_error("%s", what);
}

static advlock_result
await_session(advlock *session)
{
	advlock_result result = session ? advlock_status(session) : ADVLOCK_NOMEM;

	while (result == ADVLOCK_WAITING)
	{
		struct pollfd fd = {.fd = advlock_socket(session),
		.events = (short) advlock_events(session)};

		poll(&fd, 1, advlock_wait_ms(session));
		result = advlock_poll(session);
	}
	return result;
}

int
observe(const Options *options, const char *conninfo,
		int (*act) (const Options *options, advlock *session))
{
	advlock    *session = observer_start(conninfo, patience_ms(options));
	advlock_result result = await_session(session);
	int			status;

	if (result == ADVLOCK_OK)
		status = act(options, session);
	else
	{
		complain(options, session ? advlock_error(session) : advlock_result_text(result));
		if (result == ADVLOCK_STANDBY)
			say_error("hint: only the primary knows its locks; name its host, or all hosts, in --db");
		status = session_failure_status(options, result);
	}
	advlock_close(session);
	return status;
}

PGresult *
observe_query(const Options *options, advlock *session, const char *(*query) (bool extension))
{
	PGresult   *answer = NULL;
	const char *error;

	if (observer_ask(session, options, query))
		answer = observer_await(session, patience_ms(options));
	if (answer && !is_error(answer))
		return answer;
	error = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
	complain(options, error ? error : "the server does not answer");
	PQclear(answer);
	return NULL;
}
