/*-------------------------------------------------------------------------
 *
 * blocking.c
 *	  The calls that wait: each starts an operation and polls to its end.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

/* Bring a handle that was just made to the point where it is ready or not. */
static advlock *
wait_ready(advlock *h)
{
	if (h != NULL && advl_under_way(h))
		(void) advl_wait(h, ADVLOCK_WAITING);
	return h;
}

advlock *
advlock_open(const char *conninfo)
{
	advlock_open_options o;

	advlock_open_options_init(&o);
	o.conninfo = conninfo;
	return advlock_open_with(&o);
}

advlock *
advlock_open_with(const advlock_open_options *o)
{
	return wait_ready(advlock_start_open(o));
}

advlock *
advlock_attach(PGconn *conn)
{
	return wait_ready(advlock_start_attach(conn, NULL));
}

advlock_result
advlock_lock(advlock *h, const char *name, const advlock_options *o)
{
	return advl_wait(h, advlock_start_lock(h, name, o));
}

advlock_result
advlock_try_lock(advlock *h, const char *name)
{
	advlock_options o;

	advlock_options_init(&o);
	o.timeout_ms = 0;
	return advlock_lock(h, name, &o);
}

advlock_result
advlock_lock_many(advlock *h, const char *const *names, size_t count,
				  const advlock_options *o)
{
	return advl_wait(h, advlock_start_lock_many(h, names, count, o));
}

advlock_result
advlock_unlock(advlock *h, const char *name)
{
	return advl_wait(h, advlock_start_unlock(h, name));
}

advlock_result
advlock_is_due(advlock *h, const char *name, int within_ms)
{
	return advl_wait(h, advlock_start_is_due(h, name, within_ms));
}

advlock_result
advlock_record_run(advlock *h, const char *name)
{
	return advl_wait(h, advlock_start_record_run(h, name));
}

advlock_result
advlock_check(advlock *h)
{
	return advl_wait(h, advlock_start_check(h));
}

advlock_result
advlock_with_lock(advlock *h, const char *name, const advlock_options *o,
				  int (*fn) (advlock *h, void *arg), void *arg, int *result)
{
	advlock_result r = advlock_lock(h, name, o);
	int			value;

	if (r != ADVLOCK_OK)
		return r;
	value = fn(h, arg);
	if (result != NULL)
		*result = value;
	r = advlock_unlock(h, name);
	return r == ADVLOCK_NOT_HELD ? ADVLOCK_LOST : r;
}
