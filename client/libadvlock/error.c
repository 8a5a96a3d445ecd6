/*-------------------------------------------------------------------------
 *
 * error.c
 *	  Why something failed: results, texts and SQLSTATEs of libadvlock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"

/* More bytes of warnings than these are not kept until they are read. */
#define MAX_NOTICES 4096

static const char *const result_texts[] = {
	[ADVLOCK_OK] = "done",
	[ADVLOCK_BUSY] = "lock is held by another session",
	[ADVLOCK_LOST] = "lock was lost",
	[ADVLOCK_NOT_HELD] = "lock is not held",
	[ADVLOCK_DEADLOCK] = "deadlock detected",
	[ADVLOCK_CANCELED] = "wait was canceled",
	[ADVLOCK_INVALID] = "invalid argument",
	[ADVLOCK_CONNECTION] = "could not connect",
	[ADVLOCK_SERVER] = "server error",
	[ADVLOCK_POOLER] = "connection goes through a pooler",
	[ADVLOCK_STANDBY] = "server is a standby",
	[ADVLOCK_NOMEM] = "out of memory",
	[ADVLOCK_WAITING] = "not done yet",
	[ADVLOCK_NOT_DUE] = "it has been done not long ago",
};

/* What a program does about an error of the server's, by its SQLSTATE. */
static const struct
{
	const char *sqlstate;
	advlock_result result;
}			server_results[] = {
	{"40P01", ADVLOCK_DEADLOCK},
	{"57014", ADVLOCK_CANCELED},
	{"55P03", ADVLOCK_BUSY},
	{"25006", ADVLOCK_STANDBY},
	{"25001", ADVLOCK_INVALID},
	{"22004", ADVLOCK_INVALID},
	{"22021", ADVLOCK_INVALID},
	{"22023", ADVLOCK_INVALID},
	{"22P05", ADVLOCK_INVALID},
};

const char *
advlock_result_text(advlock_result r)
{
	size_t		n = sizeof(result_texts) / sizeof(result_texts[0]);

	return (size_t) r < n ? result_texts[r] : "unrecognized result";
}

const char *
advlock_error(const advlock *h)
{
	const char *text = h == NULL ? NULL : advl_text_str(&h->error);

	return text == NULL ? result_texts[ADVLOCK_NOMEM] : text;
}

const char *
advlock_sqlstate(const advlock *h)
{
	return h == NULL ? "" : h->sqlstate;
}

void
advl_clear_error(advlock *h)
{
	advl_text_reset(&h->error);
	h->sqlstate[0] = '\0';
	h->may_pass = false;
}

/* Set the error's text and return the result given. */
advlock_result
advl_fail(advlock *h, advlock_result result, const char *fmt,...)
{
	va_list		args;

	advl_clear_error(h);
	va_start(args, fmt);
	advl_text_vappendf(&h->error, fmt, args);
	va_end(args);
	advl_text_trim(&h->error);
	return result;
}

advlock_result
advl_no_memory(advlock *h)
{
	return advl_fail(h, ADVLOCK_NOMEM, "%s", result_texts[ADVLOCK_NOMEM]);
}

/* The time for the lock ran out. */
advlock_result
advl_busy(advlock *h, const advl_lock *lock)
{
	if (h->op.options.permits > 0)
		return advl_fail(h, ADVLOCK_BUSY,
						 "all %d permits of %s are held by other sessions",
						 h->op.options.permits, lock->title);
	return advl_fail(h, ADVLOCK_BUSY, "lock %s is held by another session",
					 lock->title);
}

/* What the caller names is not held, be it a name or a key. */
advlock_result
advl_not_held(advlock *h, const char *name)
{
	int64_t		key;

	return advl_kind_of(name, &key) == ADVL_BY_NAME ?
		advl_fail(h, ADVLOCK_NOT_HELD, "lock \"%s\" is not held", name) :
		advl_fail(h, ADVLOCK_NOT_HELD, "lock %s is not held", name + 1);
}

/* The SQLSTATE of a failed result; "" if it has none. */
const char *
advl_state(const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	return state == NULL ? "" : state;
}

static void
append_field(advl_text *text, const PGresult *res, int field, const char *label)
{
	const char *value = PQresultErrorField(res, field);

	if (value != NULL)
		advl_text_appendf(text, "%s%s", label, value);
}

/* The server's words, without a final newline. */
static void
append_message(advl_text *text, const PGresult *res)
{
	append_field(text, res, PG_DIAG_MESSAGE_PRIMARY, "");
	append_field(text, res, PG_DIAG_MESSAGE_DETAIL, "\nDETAIL:  ");
	append_field(text, res, PG_DIAG_MESSAGE_HINT, "\nHINT:  ");
}

/* Keep the server's words. */
void
advl_set_server_error(advlock *h, const PGresult *res)
{
	advl_clear_error(h);
	snprintf(h->sqlstate, sizeof(h->sqlstate), "%s", advl_state(res));
	h->may_pass = advl_state_may_pass(h->sqlstate);
	append_message(&h->error, res);
	if (h->error.len == 0)
		advl_text_append(&h->error, PQresultErrorMessage(res));
	advl_text_trim(&h->error);
}

/* What an error of the server's means to the caller. */
advlock_result
advl_meaning(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(server_results) / sizeof(server_results[0]); i++)
	{
		if (strcmp(sqlstate, server_results[i].sqlstate) == 0)
			return server_results[i].result;
	}
	return ADVLOCK_SERVER;
}

/* Keep a warning until advlock_notice(); too many of them are dropped. */
static void
keep_warning(advlock *h, const PGresult *res)
{
	if (h->notices.len > MAX_NOTICES)
		return;
	if (h->notices.len > 0)
		advl_text_append(&h->notices, "\n");
	append_message(&h->notices, res);
	advl_text_trim(&h->notices);
}

static void
keep_last_words(advlock *h, const PGresult *res)
{
	advl_set_server_error(h, res);
	h->status = h->ready ? ADVLOCK_LOST : ADVLOCK_CONNECTION;
}

/* In English; a pooler speaks nothing else, and does not say so.  Or "". */
const char *
advl_severity(const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity == NULL)
		severity = PQresultErrorField(res, PG_DIAG_SEVERITY);
	return severity == NULL ? "" : severity;
}

/*
 * Take a message that is no answer to a statement.  The last words of a
 * server process that is ended come this way, and they say more than the
 * closed socket that follows.
 */
void
advl_notice(void *arg, const PGresult *res)
{
	const char *severity = advl_severity(res);

	if (strcmp(severity, "WARNING") == 0)
		keep_warning(arg, res);
	else if (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)
		keep_last_words(arg, res);
}

const char *
advlock_notice(advlock *h)
{
	advl_text	emptied;

	if (h == NULL)
		return "";
	emptied = h->notices_read;
	h->notices_read = h->notices;
	h->notices = emptied;
	advl_text_reset(&h->notices);
	return h->notices_read.broken ? "" : advl_text_str(&h->notices_read);
}
