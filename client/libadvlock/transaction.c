/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  Transaction-level locks, for poolers in transaction mode.
 *
 * The first lock begins the transaction; a further one that fails is undone
 * to a savepoint, so that it does not take the others along.  Settings are
 * made for the transaction only: the server's session is shared.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "common/keys.h"

#define SLICE_MS 1000

/* $1 is the slice; 0 for the extension, which has its own timeouts. */
static const char settings_sql[] =
"SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, true))"
" FROM (VALUES"
" ('statement_timeout', '0'), ('lock_timeout', $1::pg_catalog.text),"
" ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0')"
") AS s(name, value)"
" WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL";

/* [with a timeout][shared] */
static const char *const take_sql[2][2] = {
	{
		"SELECT advisory_lock.xact_lock($1::pg_catalog.text)",
		"SELECT advisory_lock.xact_lock_shared($1::pg_catalog.text)",
	},
	{
		"SELECT advisory_lock.try_xact_lock($1::pg_catalog.text, $2::pg_catalog.interval)",
		"SELECT advisory_lock.try_xact_lock_shared($1::pg_catalog.text, $2::pg_catalog.interval)",
	},
};

/* [without waiting][shared] */
static const char *const take_key_sql[2][2] = {
	{
		"SELECT pg_catalog.pg_advisory_xact_lock(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
		"SELECT pg_catalog.pg_advisory_xact_lock_shared(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
	},
	{
		"SELECT pg_catalog.pg_try_advisory_xact_lock(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
		"SELECT pg_catalog.pg_try_advisory_xact_lock_shared(k.key1, k.key2) FROM "
		ADVL_KEYS("$1::pg_catalog.text"),
	},
};

/* Is it held, with which token, by which server process? */
static const char look_sql[] =
"SELECT advisory_lock.token($1::pg_catalog.text) IS NOT NULL,"
" advisory_lock.token($1::pg_catalog.text), pg_catalog.pg_backend_pid()";

static const char look_key_sql[] =
"SELECT " ADVL_HOLDS("$2::pg_catalog.text") ", 0, pg_catalog.pg_backend_pid() FROM "
ADVL_KEYS("$1::pg_catalog.text");

static advlock_result attempt(advlock *h);

static bool
in_transaction(const advlock *h)
{
	return PQtransactionStatus(h->conn) != PQTRANS_IDLE;
}

/* The attempt is undone: try again, or end with its outcome. */
static advlock_result
undone(advlock *h)
{
	const PGresult *res = h->op.results[0];

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		return advl_server_error(h, res);
	if (h->op.outcome == ADVLOCK_BUSY && advl_remaining(h->op.deadline) != 0)
		return attempt(h);
	return h->op.outcome;
}

static advlock_result
undo(advlock *h, advlock_result outcome)
{
	advl_statement s = {.sql = h->held == NULL ? "ROLLBACK" : "ROLLBACK TO SAVEPOINT advlock"};

	h->op.outcome = outcome;
	return advl_send(h, &s, 1, undone, ADVL_ANSWER_MS);
}

/* Results: begin or savepoint, settings, the attempt, the look. */
static advlock_result
attempted(advlock *h)
{
	const PGresult *look = h->op.results[3];

	for (int i = 0; i < 4; i++)
	{
		ExecStatusType status = PQresultStatus(h->op.results[i]);

		if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
			return undo(h, advl_server_error(h, h->op.results[i]));
	}
	if (advl_refused(h->op.results[2]))
		return undo(h, advl_busy(h, h->op.wanted));
	if (!advl_is_true(look, 0))
		return undo(h, advl_fail(h, ADVLOCK_SERVER,
								 "the server granted lock \"%s\" but does not show it",
								 h->op.wanted->name));
	h->op.wanted->token = strtoll(PQgetvalue(look, 0, 1), NULL, 10);
	h->pid = atoi(PQgetvalue(look, 0, 2));
	return advl_hold_all(h, &h->op.wanted);
}

static int
slice_ms(const advlock *h)
{
	int			left = advl_remaining(h->op.deadline);

	if (h->has_extension)
		return left;
	return left < 0 || left > SLICE_MS ? SLICE_MS : left;
}

static advl_statement
take_statement(const advlock *h, int ms, const char *timeout)
{
	const advl_lock *lock = h->op.wanted;

	if (!h->has_extension)
		return (advl_statement) {take_key_sql[ms == 0][lock->shared], 1, {lock->name}, false};
	return (advl_statement) {take_sql[ms >= 0][lock->shared], ms >= 0 ? 2 : 1,
		{lock->name, timeout}, false};
}

static advlock_result
attempt(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	int			ms = slice_ms(h);
	advl_number timeout;
	advl_statement statements[4] = {
		{.sql = in_transaction(h) ? "SAVEPOINT advlock" : "BEGIN"},
		{settings_sql, 1, {h->has_extension ? "0" : timeout}, false},
		take_statement(h, ms, timeout),
		{h->has_extension ? look_sql : look_key_sql, h->has_extension ? 1 : 2,
		{lock->name, advl_mode_text(lock)}, true},
	};

	snprintf(timeout, sizeof(timeout), "%dms", ms);
	return advl_send(h, statements, 4, attempted, advl_attempt_ms(h));
}

/* The caller may have ended the transaction, and the locks with it. */
advlock_result
advl_start_transaction(advlock *h)
{
	if (!in_transaction(h))
		advl_locks_free(&h->held);
	return attempt(h);
}

static advlock_result
committed(advlock *h)
{
	const PGresult *res = h->op.results[0];

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		return advl_server_error(h, res);
	advl_locks_free(&h->held);
	if (strcmp(PQcmdStatus((PGresult *) res), "COMMIT") != 0)
		return advl_fail(h, ADVLOCK_SERVER, "the transaction had failed and was rolled back");
	return ADVLOCK_OK;
}

/* End the transaction, which releases every lock of the handle. */
advlock_result
advl_start_commit(advlock *h, int answer_ms)
{
	advl_statement commit = {.sql = "COMMIT"};

	if (in_transaction(h))
		return advl_send(h, &commit, 1, committed, answer_ms);
	advl_locks_free(&h->held);
	return advl_fail(h, ADVLOCK_NOT_HELD, "the transaction has ended, and with it the lock");
}
