/*-------------------------------------------------------------------------
 *
 * session.c
 *	  withlock's options in the terms of libadvlock, and its results in ours.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "withlock/message.h"
#include "withlock/nesting.h"

/* "withlock: " and the longest name; the server cuts it to its own limit */
#define APPLICATION_NAME_SIZE 1040

#define TOO_MANY_CONNECTIONS "53300"

advlock *
session_start(const Options *options, const char *conninfo, int timeout_ms,
			  int first_host)
{
	advlock_open_options open;
	char		application_name[APPLICATION_NAME_SIZE];

	snprintf(application_name, sizeof(application_name), "withlock: %s",
			 options->key ? options->key : options->names[0]);
	advlock_open_options_init(&open);
	open.conninfo = conninfo;
	open.application_name = application_name;
	open.timeout_ms = timeout_ms;
	open.first_host = first_host;
	open.transaction = options->transaction || options->lease_ms > 0;
	open.allow_pooler = options->allow_pooler || options->transaction;
	return advlock_start_open(&open);
}

advlock_result
session_start_lock(advlock *session, const Options *options, int timeout_ms,
				   int64_t lease_ticket)
{
	advlock_options how;

	advlock_options_init(&how);
	how.timeout_ms = timeout_ms;
	how.shared = options->shared;
	how.permits = options->permits;
	how.lock_delay_ms = options->lock_delay_ms;
	if (options->lease_ms > 0)
	{
		how.lease_ms = options->lease_ms;
		how.stop_ms = options->grace_ms + LEASE_MARGIN_MS(options->lease_ms);
		how.at_least_ms = options->at_least_ms;
		how.holder = options->holder;
		how.lease_ticket = lease_ticket;
	}
	if (options->name_count > 1)
		return advlock_start_lock_many(session, options->names,
									   options->name_count, &how);
	return advlock_start_lock(session, options->names[0], &how);
}

int
session_failure_status(const Options *options, advlock_result result)
{
	switch (result)
	{
		case ADVLOCK_BUSY:
		case ADVLOCK_DEADLOCK:
		case ADVLOCK_CANCELED:
			return options->conflict_status;
		case ADVLOCK_INVALID:
			return STATUS_USAGE;
		case ADVLOCK_NOMEM:
			return STATUS_INTERNAL;
		default:
			return STATUS_UNAVAILABLE;
	}
}

/* Is the SQLSTATE of the last error of this class, or this one? */
static bool
has_state(const advlock *session, const char *state)
{
	return session && strncmp(advlock_sqlstate(session), state, strlen(state)) == 0;
}

/* What a person can do about it. */
typedef enum Advice
{
	NO_ADVICE,
	FREE_CONNECTIONS,
	AVOID_POOLER,
	GO_TO_PRIMARY,
	CHECK_ADDRESS
} Advice;

static const char *const hints[] = {
	[FREE_CONNECTIONS] = "the server, the database or the role has no connection left: raise the "
	"limit, end idle sessions, or wait for one with -t",
	[AVOID_POOLER] = "connect to the server itself, or use --transaction (a pooler in "
	"transaction mode) or --allow-pooler (one in session mode)",
	[GO_TO_PRIMARY] = "a standby keeps nobody off, and what is set to be read-only cannot take a lease: connect "
	"to the primary, without default_transaction_read_only",
	[CHECK_ADDRESS] = "check --db, or -h, -p and -U, and that the server is running",
};

static Advice
advice(const advlock *session, advlock_result result)
{
	if (has_state(session, TOO_MANY_CONNECTIONS))
		return FREE_CONNECTIONS;
	switch (result)
	{
		case ADVLOCK_POOLER:
			return AVOID_POOLER;
		case ADVLOCK_STANDBY:
			return GO_TO_PRIMARY;
		case ADVLOCK_CONNECTION:
			return CHECK_ADDRESS;
		default:
			return NO_ADVICE;
	}
}

void
session_explain(const Options *options, const advlock *session, advlock_result result,
				unsigned int *hinted)
{
	const char *error = session ? advlock_error(session) : "";
	Advice		hint = advice(session, result);

	say_error("lock %s: %s", options->shown[0],
			  *error ? error : advlock_result_text(result));
	if (hint == NO_ADVICE || *hinted & 1U << hint)
		return;
	*hinted |= 1U << hint;
	say_error("hint: %s", hints[hint]);
}

bool
session_server_is_busy(const advlock *session)
{
	return has_state(session, TOO_MANY_CONNECTIONS) || has_state(session, "57P0");
}

int
session_grace_ms(const Options *options, const advlock *session)
{
	int			delay = 0;

	if (options->grace_given || options->lease_ms > 0)
		return options->grace_ms;
	/* a pooler resets the session when we are gone: that is a release */
	if (advlock_has_registry(session) && !options->allow_pooler)
		delay = options->lock_delay_ms;
	delay -= LOCK_DELAY_BEYOND_GRACE_MS;
	if (delay < 0)
		delay = 0;
	return delay < options->grace_ms ? delay : options->grace_ms;
}

int64_t
session_dead_by(const Options *options, const advlock *session)
{
	if (options->lease_ms == 0)
		return NEVER;
	return now_ms() + advlock_lease_left_ms(session) - LEASE_MARGIN_MS(options->lease_ms);
}

/* Set the variable to a number, or unset it if that is 0. */
static bool
export_number(const char *variable, int64_t value)
{
	char		text[24];

	if (value == 0)
		return unsetenv(variable) == 0;
	snprintf(text, sizeof(text), "%" PRId64, value);
	return setenv(variable, text, 1) == 0;
}

bool
session_export(const Options *options, const advlock *session)
{
	const char *name = options->names[0];

	return setenv("WITHLOCK_NAME", options->key ? options->key : name, 1) == 0 &&
		export_number("WITHLOCK_TOKEN", advlock_token(session, name)) &&
		export_number("WITHLOCK_PERMIT", advlock_permit(session, name)) &&
		nesting_export(options, session);
}
