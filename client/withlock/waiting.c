/*-------------------------------------------------------------------------
 *
 * waiting.c
 *	  Telling a person whom withlock waits for.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "withlock/holders.h"
#include "withlock/loop.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"

/* A wait that is over sooner is not worth a line, nor a connection. */
#define SHOW_AFTER_MS 300
#define REDRAW_EVERY_MS 1000
#define OBSERVER_CONNECT_MS 10000
#define ANSWER_MS 8000

static bool
is_wanted(const Waiting *waiting)
{
	return !waiting->options->quiet && waiting->options->timeout_ms != 0 &&
		isatty(STDERR_FILENO);
}

void
waiting_begin(Waiting *waiting, const Options *options, const char *conninfo,
			  const Terminal *terminal, const advlock *session)
{
	memset(waiting, 0, sizeof(*waiting));
	waiting->options = options;
	waiting->conninfo = conninfo;
	waiting->terminal = terminal;
	/* a pooler in transaction mode takes another backend for the wait */
	waiting->waiter_pid = options->transaction || options->lease_ms > 0 ? 0 :
		advlock_backend_pid(session);
	waiting->since = now_ms();
	waiting->wake_at = is_wanted(waiting) ? waiting->since + SHOW_AFTER_MS : NEVER;
}

/* A background job must not draw over what the person types. */
static bool
in_foreground(const Waiting *waiting)
{
	return terminal_is_ours(waiting->terminal);
}

static void
draw(const Waiting *waiting)
{
	const char *name = waiting->options->shown[0];
	char	   *line = NULL;
	char		duration[32];

	if (!in_foreground(waiting))
		return;
	describe_duration(now_ms() - waiting->since, duration, sizeof(duration));
	if (asprintf(&line, "%s: waiting %s%s%s", name, duration,
				 waiting->holders ? ", " : "",
				 waiting->holders ? waiting->holders : "") < 0)
		return;
	live_line_show(line);
	free(line);
}

static void
close_observer(Waiting *waiting)
{
	PQclear(waiting->answer);
	waiting->answer = NULL;
	advlock_close(waiting->observer);
	waiting->observer = NULL;
	waiting->asked = false;
}

static void
drop_observer(Waiting *waiting)
{
	close_observer(waiting);
	waiting->failed = true;
}

/* The observer is ready for a question, or never will be. */
static void
ask(Waiting *waiting)
{
	if (advlock_status(waiting->observer) != ADVLOCK_OK ||
		!observer_ask(waiting->observer, waiting->options, query_holders))
	{
		drop_observer(waiting);
		return;
	}
	waiting->asked = true;
	waiting->answer_by = now_ms() + ANSWER_MS;
}

static void
take_answer(Waiting *waiting)
{
	if (!observer_take(waiting->observer, &waiting->answer))
		return;
	waiting->asked = false;
	if (waiting->answer == NULL)
	{
		drop_observer(waiting);
		return;
	}
	free(waiting->holders);
	waiting->holders = holders_describe(waiting->answer, waiting->waiter_pid);
	PQclear(waiting->answer);
	waiting->answer = NULL;
	draw(waiting);
}

/* It is time to redraw, and to ask again. */
static void
tick(Waiting *waiting)
{
	waiting->wake_at = now_ms() + REDRAW_EVERY_MS;
	draw(waiting);
	if (waiting->asked && now_ms() >= waiting->answer_by)
		drop_observer(waiting);
	if (waiting->failed || waiting->asked)
		return;
	if (waiting->observer == NULL)
	{
		waiting->observer = observer_start(waiting->conninfo, OBSERVER_CONNECT_MS);
		if (waiting->observer == NULL)
			waiting->failed = true;
	}
	else if (advlock_status(waiting->observer) != ADVLOCK_WAITING)
		ask(waiting);
}

struct pollfd
waiting_pollfd(const Waiting *waiting)
{
	struct pollfd fd = {.fd = -1};

	if (waiting->observer == NULL)
		return fd;
	fd.fd = advlock_socket(waiting->observer);
	fd.events = waiting->asked ? POLLIN : (short) advlock_events(waiting->observer);
	return fd;
}

void
waiting_advance(Waiting *waiting, bool ready)
{
	if (ready && waiting->asked)
		take_answer(waiting);
	else if (waiting->observer &&
			 (ready || advlock_status(waiting->observer) == ADVLOCK_WAITING))
	{
		advlock_result result = advlock_poll(waiting->observer);

		if (result == ADVLOCK_OK)
			ask(waiting);
		else if (result != ADVLOCK_WAITING)
			drop_observer(waiting);
	}
	if (now_ms() >= waiting->wake_at)
		tick(waiting);
}

void
waiting_end(Waiting *waiting)
{
	live_line_clear();
	close_observer(waiting);
	free(waiting->holders);
	memset(waiting, 0, sizeof(*waiting));
	waiting->wake_at = NEVER;
}
