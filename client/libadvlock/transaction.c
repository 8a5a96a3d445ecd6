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

#include "libadvlock/internal.h"
#include "libadvlock/statements.h"

/*
 * Settings for the transaction; $1 is how long core's functions may wait.  The
 * extension need not be loaded yet for its own, which is left alone if $2 is NULL.
 */
static const char settings_sql[] =
"SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, true))"
" FROM (VALUES"
" ('statement_timeout', '0'), ('lock_timeout', CAST($1 AS pg_catalog.text)),"
" ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),"
" ('advisory_lock.lock_delay', CAST($2 AS pg_catalog.text))"
") AS s(name, value)"
" WHERE s.value IS NOT NULL AND (pg_catalog.current_setting(s.name, true) IS NOT NULL"
" OR s.name OPERATOR(pg_catalog.=) 'advisory_lock.lock_delay')";

/* How a lock of one kind is taken and looked at; $1 is its name or key. */
typedef struct statements
{
	const char *wait[2];		/* [shared] for ever */
	const char *try[2];			/* [shared] until $2, or not at all */
	const char *look;			/* in mode $2: is it held, with which token, where,
								 * and has the extension come? */
} statements;

#define WAIT(lock, function) \
	"SELECT " ADVL_CALL("advisory_lock." function "(" lock ")", "int8")

#define TRY(lock, function) \
	"SELECT " ADVL_CALL("advisory_lock." function "(" lock ", CAST($2 AS pg_catalog.interval))", "bool")

#define TOKEN(lock) ADVL_CALL("advisory_lock.token(" lock ")", "int8")

#define BY_EXTENSION(lock) \
	{ \
		.wait = {WAIT(lock, "xact_lock"), WAIT(lock, "xact_lock_shared")}, \
		.try = {TRY(lock, "try_xact_lock"), TRY(lock, "try_xact_lock_shared")}, \
		.look = "SELECT t.token IS NOT NULL, t.token, pg_catalog.pg_backend_pid()," \
			" CAST($2 AS pg_catalog.text)" \
			" FROM (SELECT " TOKEN(lock) ") AS t(token)" \
	}

static const statements by_extension[ADVL_KINDS] = ADVL_EACH_ARGUMENT(BY_EXTENSION);

/* [shared][kind] */
static const char *const wait_by_keys[2][ADVL_KINDS] = {
	ADVL_TAKE("pg_advisory_xact_lock"), ADVL_TAKE("pg_advisory_xact_lock_shared")
};
static const char *const try_by_keys[2][ADVL_KINDS] = {
	ADVL_TAKE("pg_try_advisory_xact_lock"), ADVL_TAKE("pg_try_advisory_xact_lock_shared")
};

#define LOOK(keys) \
	"SELECT " ADVL_HOLDS("CAST($2 AS pg_catalog.text)") ", 0," \
	" pg_catalog.pg_backend_pid(), " ADVL_HAS_EXTENSION " FROM " keys

static const char *const look_by_keys[ADVL_KINDS] = ADVL_EACH_KIND(LOOK);

/* With nothing left of the attempt: try again, or end with its outcome. */
static advlock_result
go_on(advlock *h)
{
	if (h->op.outcome == ADVLOCK_BUSY && advl_remaining(h->op.deadline) != 0)
		return h->way->start_lock(h);
	return h->op.outcome;
}

static advlock_result
undone(advlock *h)
{
	const PGresult *res = h->op.results[0];

	return advl_done(res) ? go_on(h) : advl_server_error(h, res);
}

/* A transaction that could not begin needs no end. */
static advlock_result
undo(advlock *h, advlock_result outcome)
{
	advl_statement s = {.sql = h->held == NULL ? "ROLLBACK" : "ROLLBACK TO SAVEPOINT advlock"};

	if (h->status != ADVLOCK_OK)
		return outcome;
	h->op.outcome = outcome;
	if (!advl_in_transaction(h))
		return go_on(h);
	return advl_send(h, &s, 1, undone, ADVL_ANSWER_MS);
}

/* Results: begin or savepoint, settings, the attempt, the look. */
static advlock_result
attempted(advlock *h)
{
	const PGresult *look = h->op.results[3];
	int64_t		pid;

	for (int i = 0; i < 4; i++)
	{
		if (!advl_done(h->op.results[i]))
			return undo(h, advl_call_error(h, h->op.results[i]));
	}
	if (advl_refused(h->op.results[2]))
		return undo(h, advl_busy(h, h->op.wanted));
	if (!advl_is_true(look, 0) || !advl_number_at(look, 0, 1, &h->op.wanted->token) ||
		!advl_number_at(look, 0, 2, &pid))
		return undo(h, advl_fail(h, ADVLOCK_SERVER,
								 "the server granted lock %s but does not show it",
								 h->op.wanted->title));
	if (!h->way->extension && h->held == NULL && advl_is_true(look, 3))
		return undo(h, advl_wrong_way(h));
	h->pid = (int) pid;
	return advl_hold_all(h, &h->op.wanted);
}

/* The caller may have ended the transaction, and the locks with it. */
static void
forget_ended(advlock *h)
{
	if (!advl_in_transaction(h))
		advl_locks_free(&h->held);
}

/* A role that only reads by default takes locks, with tokens, all the same. */
static const char *
begin_sql(const advlock *h)
{
	return h->in_recovery ? "BEGIN" : "BEGIN READ WRITE";
}

static advlock_result
attempt(advlock *h, const advl_statement *take, const char *lock_timeout,
		const char *look)
{
	const advl_lock *lock = h->op.wanted;
	bool		delays = h->way->extension && h->op.options.lock_delay_ms >= 0;
	advl_number delay;
	advl_statement statements[4] = {
		{.sql = advl_in_transaction(h) ? "SAVEPOINT advlock" : begin_sql(h)},
		{settings_sql, 2, {lock_timeout, delays ? delay : NULL}, false},
		*take,
		{look, 2, {advl_parameter(lock), advl_mode_text(lock)}, true},
	};

	snprintf(delay, sizeof(delay), "%d", h->op.options.lock_delay_ms);
	return advl_send(h, statements, 4, attempted, advl_attempt_ms(h));
}

/* The extension keeps the time itself. */
advlock_result
advl_take_by_extension(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	const statements *s = &by_extension[lock->kind];
	int			left = advl_remaining(h->op.deadline);
	advl_number timeout;
	advl_statement take = {left < 0 ? s->wait[lock->shared] : s->try[lock->shared],
	left < 0 ? 1 : 2, {advl_parameter(lock), timeout}, false};

	forget_ended(h);
	snprintf(timeout, sizeof(timeout), "%dms", left);
	return attempt(h, &take, "0", s->look);
}

/* Core's functions need a lock_timeout. */
advlock_result
advl_take_by_keys(advlock *h)
{
	const advl_lock *lock = h->op.wanted;
	int			ms = advl_slice_ms(h);
	advl_number timeout;
	advl_statement take = {(ms == 0 ? try_by_keys : wait_by_keys)[lock->shared][lock->kind],
	1, {advl_parameter(lock)}, false};

	forget_ended(h);
	snprintf(timeout, sizeof(timeout), "%dms", ms);
	return attempt(h, &take, timeout, look_by_keys[lock->kind]);
}

static advlock_result
committed(advlock *h)
{
	const PGresult *res = h->op.results[0];

	if (!advl_done(res))
		return advl_server_error(h, res);
	advl_locks_free(&h->held);
	if (strcmp(PQcmdStatus((PGresult *) res), "COMMIT") != 0)
		return advl_fail(h, ADVLOCK_SERVER, "the transaction had failed and was rolled back");
	return ADVLOCK_OK;
}

/* End the transaction, which releases every lock of the handle. */
advlock_result
advl_commit(advlock *h, int answer_ms)
{
	advl_statement commit = {.sql = "COMMIT"};

	if (advl_in_transaction(h))
		return advl_send(h, &commit, 1, committed, answer_ms);
	advl_locks_free(&h->held);
	return advl_fail(h, ADVLOCK_NOT_HELD, "the transaction has ended, and with it the lock");
}

/* One cannot be had without the others. */
advlock_result
advl_commit_one(advlock *h, advl_lock *lock)
{
	(void) lock;
	return advl_commit(h, ADVL_ANSWER_MS);
}
