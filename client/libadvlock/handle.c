/*-------------------------------------------------------------------------
 *
 * handle.c
 *	  Look at a handle, and close it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "libadvlock/hosts.h"
#include "libadvlock/internal.h"

const char *
advlock_version(void)
{
	return ADVISORY_LOCK_VERSION;
}

advlock_result
advlock_status(const advlock *h)
{
	if (h == NULL)
		return ADVLOCK_INVALID;
	return advl_under_way(h) ? ADVLOCK_WAITING : h->status;
}

int
advlock_next_host(const advlock *h)
{
	return h == NULL ? 0 : h->next_host;
}

int
advlock_has_extension(const advlock *h)
{
	return h != NULL && h->has_extension;
}

PGconn *
advlock_connection(const advlock *h)
{
	return h == NULL ? NULL : h->conn;
}

int
advlock_backend_pid(const advlock *h)
{
	return h == NULL ? 0 : h->pid;
}

const char *
advlock_database(const advlock *h)
{
	return h == NULL ? "" : h->database;
}

int64_t
advlock_token(const advlock *h, const char *name)
{
	const advl_lock *lock = NULL;

	if (h != NULL && name != NULL)
		lock = advl_find(h->held, name);
	return lock == NULL ? 0 : lock->token;
}

int
advlock_permit(const advlock *h, const char *name)
{
	const advl_lock *lock = NULL;

	if (h != NULL && name != NULL)
		lock = advl_find(h->held, name);
	return lock == NULL ? 0 : lock->permit;
}

void
advlock_close(advlock *h)
{
	if (h == NULL)
		return;
	advl_release_all(h);
	advl_end(h);
	advl_hosts_free(h);
	advl_locks_free(&h->held);
	advl_text_free(&h->error);
	if (h->own_conn)
		PQfinish(h->conn);
	free(h);
}
