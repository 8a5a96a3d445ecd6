/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Who holds a lock, in words.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cell.h"
#include "withlock/conninfo.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"
#include "withlock/stream.h"
#include "withlock/text.h"

/* More holders than this are counted, not shown. */
#define SHOWN_HOLDERS 3

void
describe_duration(int64_t ms, char *buffer, size_t size)
{
	int64_t		s = ms / 1000;

	if (s < 60)
		snprintf(buffer, size, "%d s", (int) s);
	else if (s < 3600)
		snprintf(buffer, size, "%d min %d s", (int) (s / 60), (int) (s % 60));
	else
		snprintf(buffer, size, "%lld h %d min", (long long) (s / 3600),
				 (int) (s % 3600 / 60));
}

static bool
in_state(const PGresult *result, int row, const char *state)
{
	return strcmp(advl_cell(result, row, COLUMN_STATE), state) == 0;
}

int
holders_count(const PGresult *result)
{
	int			row = 0;

	while (row < PQntuples(result) && !in_state(result, row, "waiting"))
		row++;
	return row;
}

/* "for 5 s" from a column of ms, if it is there. */
static void
put_duration(FILE *stream, const char *before, const PGresult *result, int row,
			 int column, const char *after)
{
	char		duration[32];

	if (advl_cell_is_null(result, row, column))
		return;
	describe_duration(atoll(advl_cell(result, row, column)), duration, sizeof(duration));
	fprintf(stream, "%s%s%s", before, duration, after);
}

/* "permit 2 held for 5 s by pid 12 (user, application, client)" */
static void
put_holder(FILE *stream, const PGresult *result, int row)
{
	const char *permit = advl_cell(result, row, COLUMN_PERMIT);

	if (atoi(permit) > 0)
		fprintf(stream, "permit %s ", permit);
	if (in_state(result, row, "delayed"))
	{
		put_duration(stream, "kept off for ", result, row, COLUMN_MS, ", as its holder was lost");
		return;
	}
	fputs("held ", stream);
	put_duration(stream, "for ", result, row, COLUMN_MS, " ");
	if (in_state(result, row, "leased"))
	{
		fputs("by ", stream);
		put_visible(stream, advl_cell(result, row, COLUMN_APPLICATION));
		put_duration(stream, " (a lease, with ", result, row, COLUMN_DELAY_MS, " left)");
		return;
	}
	if (advl_cell_is_null(result, row, COLUMN_PID))
	{
		fputs("by a prepared transaction", stream);
		return;
	}
	fprintf(stream, "by pid %s (", advl_cell(result, row, COLUMN_PID));
	put_visible(stream, advl_cell(result, row, COLUMN_USER));
	fputs(", ", stream);
	put_visible(stream, advl_cell(result, row, COLUMN_APPLICATION));
	fprintf(stream, ", %s)", advl_cell(result, row, COLUMN_CLIENT));
}

/* The first few holders; returns how many there are. */
static int
put_holders(FILE *stream, const PGresult *result)
{
	int			count = holders_count(result);
	int			row;

	for (row = 0; row < count && row < SHOWN_HOLDERS; row++)
	{
		if (row > 0)
			fputs(" and ", stream);
		put_holder(stream, result, row);
	}
	if (count > SHOWN_HOLDERS)
		fprintf(stream, " and %d more", count - SHOWN_HOLDERS);
	return count;
}

static int
pid_at(const PGresult *result, int row)
{
	return atoi(advl_cell(result, row, COLUMN_PID));
}

/* The row in which the backend waits, or the number of rows. */
static int
find_waiter(const PGresult *result, int pid)
{
	int			row = holders_count(result);

	while (row < PQntuples(result) && pid_at(result, row) != pid)
		row++;
	return row;
}

/*
 * How many wait in the rows before that one.  The first in a queue for permits
 * can be there twice: it holds the queue, and may wait for a permit.
 */
static int
count_waiters(const PGresult *result, int before)
{
	int			count = 0;
	int			row;

	for (row = holders_count(result); row < before; row++)
	{
		if (find_waiter(result, pid_at(result, row)) == row)
			count++;
	}
	return count;
}

/*
 * Nobody holds it.  After a start of the server, which forgot who did, those
 * who wait are kept off all the same for a while.
 */
static void
put_no_holder(FILE *stream, const PGresult *result, int waiter)
{
	if (waiter < PQntuples(result) && !advl_cell_is_null(result, waiter, COLUMN_DELAY_MS))
		put_duration(stream, "kept off for ", result, waiter, COLUMN_DELAY_MS,
					 ", the server has just started");
	else
		fputs("free", stream);
}

/*
 * Who waits but is not found, because a pooler is between, cannot tell who is
 * ahead; it is among those who wait.
 */
char *
holders_describe(const PGresult *result, int waiter_pid)
{
	advl_text	text;
	FILE	   *stream;
	int			rows = PQntuples(result);
	int			held = holders_count(result);
	int			waiter = waiter_pid ? find_waiter(result, waiter_pid) : rows;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return NULL;
	stream = stream_open(&text);
	if (stream == NULL)
		return NULL;
	if (waiter < rows && waiter > held)
		fprintf(stream, "%d ahead, ", count_waiters(result, waiter));
	if (put_holders(stream, result) == 0)
		put_no_holder(stream, result, waiter < rows ? waiter : held);
	if (waiter == rows && rows > held)
		fprintf(stream, "; %d waiting", count_waiters(result, rows));
	return stream_close(stream, &text);
}

/* The lock to name to --kill, whose first holder that can end; or NULL. */
static const char *
lock_to_kill(const Options *options, const PGresult *result)
{
	if (holders_count(result) == 0 ||
		(advl_cell_is_null(result, 0, COLUMN_PID) && !in_state(result, 0, "leased")))
		return NULL;
	return options->permits > 0 || advl_cell_is_null(result, 0, COLUMN_ASKED) ? options->names[0] :
		advl_cell(result, 0, COLUMN_ASKED);
}

/*
 * A command to copy, if there is one that does no harm in a shell, tells no
 * secret, and means the same lock.
 */
static void
say_how_to_kill(const Options *options, const char *name, const char *whom)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);
	char	   *command;
	bool		is_key = options->key && name == options->names[0];
	bool		can;

	if (stream == NULL)
		return;
	fputs("withlock --kill", stream);
	if (is_key)
		name = options->key;
	can = text_is_plain(name) && conninfo_put_options(stream, options);
	fputs(is_key ? " --key " : *name == '-' ? " -- " : " ", stream);
	put_shell_word(stream, name);
	command = stream_close(stream, &text);
	if (command && can)
		say("to end %s: %s", whom, command);
	else
		say("to end %s: --kill with the same connection and name", whom);
	free(command);
}

static PGresult *
ask(const Options *options, advlock *session, const char *(*query) (bool extension), int within_ms)
{
	return observer_ask(session, options, query) ? observer_await(session, within_ms) : NULL;
}

/*
 * Nobody holds what we did not get: did the delay after a start of the server
 * keep us off?  If so, says it and returns true.
 */
static bool
blame_start(const Options *options, advlock *session, int within_ms)
{
	PGresult   *result = ask(options, session, query_uptime, within_ms);
	int64_t		left = 0;
	char		duration[32];

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		left = options->lock_delay_ms - atoll(advl_cell(result, 0, 0));
	PQclear(result);
	if (left <= 0)
		return false;
	describe_duration(left, duration, sizeof(duration));
	say("lock %s: not obtained: kept off for %s, the server has just started and does not "
		"know who held it; wait longer, or use --lock-delay 0", options->shown[0], duration);
	return true;
}

void
holders_farewell(const Options *options, advlock *session, int within_ms)
{
	PGresult   *result = ask(options, session, query_holders, within_ms);
	char	   *holders = holders_describe(result, 0);
	const char *name;

	if (!holders || holders_count(result) > 0 || !advlock_has_extension(session) ||
		!blame_start(options, session, within_ms))
		say("lock %s: not obtained%s%s", options->shown[0], holders ? ": " : "",
			holders ? holders : "");
	name = holders ? lock_to_kill(options, result) : NULL;
	if (name)
		say_how_to_kill(options, name, holders_count(result) > 1 ? "the holders" : "the holder");
	free(holders);
	PQclear(result);
}
