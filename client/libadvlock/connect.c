/*-------------------------------------------------------------------------
 *
 * connect.c
 *	  One attempt to connect, to one address.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "libadvlock/connect.h"

/* === Why it failed === */

/*
 * The SQLSTATE in a line of libpq's verbose words, "FATAL:  28P01: password
 * ...", or NULL.  Nothing else tells it of a connection that failed.
 */
static const char *
find_sqlstate(const char *line, const char *end)
{
	const char *s = line;

	while ((s = memmem(s, end - s, ":  ", 3)) != NULL)
	{
		int			n = 0;

		s += 3;
		while (s + n < end && (isupper((unsigned char) s[n]) || isdigit((unsigned char) s[n])))
			n++;
		if (n == 5 && end - s > 7 && s[5] == ':' && s[6] == ' ')
			return s;
	}
	return NULL;
}

/* "LOCATION:  function, file.c:123", its first word in any language. */
static bool
is_location(const char *line, const char *end)
{
	const char *digits = end;

	while (digits > line && isdigit((unsigned char) digits[-1]))
		digits--;
	return digits < end && digits > line && digits[-1] == ':' &&
		memmem(line, end - line, ":  ", 3) != NULL &&
		memmem(line, end - line, ", ", 2) != NULL;
}

/* Keep libpq's words as people want them, and the SQLSTATE, "" if it has none. */
static void
set_connect_error(advlock *h, const char *words)
{
	advl_clear_error(h);
	while (*words != '\0')
	{
		const char *end = strchrnul(words, '\n');
		const char *state = find_sqlstate(words, end);

		if (state != NULL)
		{
			memcpy(h->sqlstate, state, 5);
			h->sqlstate[5] = '\0';
			advl_text_appendf(&h->error, "%.*s%.*s\n", (int) (state - words), words,
							  (int) (end - state - 7), state + 7);
		}
		else if (h->sqlstate[0] == '\0' || !is_location(words, end))
			advl_text_appendf(&h->error, "%.*s\n", (int) (end - words), words);
		words = *end == '\0' ? end : end + 1;
	}
	advl_text_trim(&h->error);
}

/*
 * What libpq is about to read, without a SQLSTATE: does it tell of trouble
 * that passes?  The end of the stream does, and an error in the old form,
 * which comes from a server that could not start a process.  Else it is
 * something that the two sides do not agree on.
 */
static bool
is_passing_input(int fd)
{
	char		c = '\0';
	ssize_t		n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN) || c == 'E';
}

/* In libpq's words, as when it counts itself. */
static advlock_result
timed_out(advlock *h)
{
	const char *address = PQhostaddr(h->conn);
	bool		both = *address != '\0' && strcmp(address, PQhost(h->conn)) != 0;

	(void) advl_fail(h, ADVLOCK_CONNECTION,
					 "connection to server at \"%s\"%s%s%s, port %s failed: timeout expired",
					 PQhost(h->conn), both ? " (" : "", both ? address : "", both ? ")" : "",
					 PQport(h->conn));
	h->may_pass = true;
	return ADVLOCK_CONNECTION;
}

static advlock_result
connect_failed(advlock *h, bool passes)
{
	const char *standby = PQparameterStatus(h->conn, "in_hot_standby");

	set_connect_error(h, PQerrorMessage(h->conn));
	h->may_pass = h->sqlstate[0] == '\0' ? passes : advl_state_may_pass(h->sqlstate);
	if (standby != NULL && strcmp(standby, "on") == 0)
	{
		h->may_pass = false;
		return ADVLOCK_STANDBY;
	}
	return ADVLOCK_CONNECTION;
}

/* === Steps === */

/*
 * The connection stands: go on with the session.  A pooler says so before it
 * has a session of the server's for us; that is a wait as for the lock itself.
 */
static advlock_result
connected(advlock *h)
{
	bool		may_queue = h->options.transaction || h->options.allow_pooler;

	(void) PQsetErrorVerbosity(h->conn, PQERRORS_DEFAULT);
	if (PQsetnonblocking(h->conn, 1) != 0)
		return connect_failed(h, false);
	h->status = ADVLOCK_OK;
	h->connected = true;
	return advl_start_session(h, may_queue ? h->open_deadline : h->attempt_deadline);
}

/* The socket is ready for libpq's next step, or the time has run out. */
static advlock_result
connect_step(advlock *h)
{
	bool		passes = PQstatus(h->conn) == CONNECTION_STARTED ||
		is_passing_input(PQsocket(h->conn));
	PostgresPollingStatusType next;

	if (advl_remaining(h->attempt_deadline) == 0)
		return timed_out(h);
	next = PQconnectPoll(h->conn);
	if (next == PGRES_POLLING_OK)
		return connected(h);
	if (next == PGRES_POLLING_FAILED)
		return connect_failed(h, passes);
	return advl_wait_fd(h, PQsocket(h->conn),
						next == PGRES_POLLING_READING ? POLLIN : POLLOUT,
						h->attempt_deadline, connect_step);
}

advlock_result
advl_start_connect(advlock *h, const char *conninfo)
{
	h->status = ADVLOCK_CONNECTION;
	h->conn = PQconnectStart(conninfo);
	if (h->conn == NULL)
		return advl_no_memory(h);
	PQsetNoticeReceiver(h->conn, advl_notice, h);
	(void) PQsetErrorVerbosity(h->conn, PQERRORS_VERBOSE);
	if (PQstatus(h->conn) == CONNECTION_BAD)
		return connect_failed(h, true);
	return advl_wait_fd(h, PQsocket(h->conn), POLLOUT, h->attempt_deadline, connect_step);
}
