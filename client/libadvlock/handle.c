/*-------------------------------------------------------------------------
 *
 * handle.c
 *	  Look at a handle.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
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
	return h != NULL && h->way->extension != h->other_way;
}

/* A pooler releases what a client held that has gone. */
int
advlock_has_registry(const advlock *h)
{
	return h != NULL && h->registry && h->pid == h->client_pid;
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

/* The first of that name among those held, or NULL. */
static const advl_lock *
find_held(const advlock *h, const char *name)
{
	return h == NULL || name == NULL ? NULL : advl_find(h->held, name);
}

int64_t
advlock_token(const advlock *h, const char *name)
{
	const advl_lock *lock = find_held(h, name);

	return lock == NULL ? 0 : lock->token;
}

int
advlock_permit(const advlock *h, const char *name)
{
	const advl_lock *lock = find_held(h, name);

	return lock == NULL ? 0 : lock->permit;
}
