/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Ask the server whether what we hold is still held.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"
#include "common/keys.h"

/* The server process, and the first lock it no longer holds with our token. */
static const char lost_sql[] =
"SELECT pg_catalog.pg_backend_pid(), (SELECT l.position"
" FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]),"
" pg_catalog.unnest($2::pg_catalog.int8[])) WITH ORDINALITY AS l(name, token, position)"
" WHERE COALESCE(advisory_lock.token(l.name) OPERATOR(pg_catalog.<>) l.token, true)"
" LIMIT 1)";

static const char lost_keys_sql[] =
"SELECT pg_catalog.pg_backend_pid(), (SELECT l.position"
" FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]),"
" pg_catalog.unnest($2::pg_catalog.text[])) WITH ORDINALITY AS l(name, mode, position), "
ADVL_KEYS("l.name")
" WHERE NOT " ADVL_HOLDS("l.mode")
" LIMIT 1)";

/* One of the locks is gone though the session is not. */
static advlock_result
lock_gone(advlock *h, int position)
{
	advl_lock  *lock = h->held;

	while (--position > 0)
		lock = lock->next;
	(void) advl_fail(h, ADVLOCK_LOST, "lock \"%s\" is not held any more", lock->name);
	advl_forget(h, lock);
	return ADVLOCK_LOST;
}

static advlock_result
checked(advlock *h)
{
	const PGresult *row = h->op.results[0];

	if (!advl_rows(row))
		return advl_server_error(h, row);
	if (h->held != NULL && atoi(PQgetvalue(row, 0, 0)) != h->pid)
		return advl_lose_because(h, "the server process is not the one that held the locks");
	if (!PQgetisnull(row, 0, 1))
		return lock_gone(h, atoi(PQgetvalue(row, 0, 1)));
	return ADVLOCK_OK;
}

/* The lock manager's name of it: permit i of N is N#i. */
static void
append_name(advl_text *names, const advl_lock *lock)
{
	advl_text	full = {0};

	advl_text_append(&full, lock->name);
	if (lock->permit > 0)
		advl_text_appendf(&full, "#%d", lock->permit);
	if (full.broken)
		names->broken = true;
	else
		advl_text_append_element(names, full.data);
	advl_text_free(&full);
}

/* What the server must confirm: the token, or else the mode. */
static void
append_proof(advl_text *proofs, const advlock *h, const advl_lock *lock)
{
	advl_number token;

	snprintf(token, sizeof(token), "%lld", (long long) lock->token);
	advl_text_append_element(proofs, h->has_extension ? token : advl_mode_text(lock));
}

static advlock_result
send_check(advlock *h, advl_text *names, advl_text *proofs)
{
	advl_statement s = {.sql = h->has_extension ? lost_sql : lost_keys_sql,.nparams = 2};

	for (const advl_lock *lock = h->held; lock != NULL; lock = lock->next)
	{
		append_name(names, lock);
		append_proof(proofs, h, lock);
	}
	advl_text_append(names, names->len == 0 ? "{}" : "}");
	advl_text_append(proofs, proofs->len == 0 ? "{}" : "}");
	s.params[0] = advl_text_str(names);
	s.params[1] = advl_text_str(proofs);
	if (s.params[0] == NULL || s.params[1] == NULL)
		return advl_no_memory(h);
	return advl_send(h, &s, 1, checked, ADVL_ANSWER_MS);
}

advlock_result
advlock_start_check(advlock *h)
{
	advl_text	names = {0},
				proofs = {0};
	advlock_result r = advl_begin(h);

	if (r != ADVLOCK_OK)
		return r;
	if (h->options.transaction && h->held != NULL &&
		PQtransactionStatus(h->conn) == PQTRANS_IDLE)
	{
		advl_locks_free(&h->held);
		return advl_fail(h, ADVLOCK_LOST, "the transaction has ended, and with it the locks");
	}
	r = send_check(h, &names, &proofs);
	advl_text_free(&names);
	advl_text_free(&proofs);
	return r;
}
