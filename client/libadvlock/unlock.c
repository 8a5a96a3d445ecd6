/*-------------------------------------------------------------------------
 *
 * unlock.c
 *	  Give a lock back that the caller names.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

static advlock_result
start(advlock *h, const char *name)
{
	const char *defect = advl_lock_defect(name);
	advl_lock  *lock;

	if (defect != NULL)
		return advl_fail(h, ADVLOCK_INVALID, "%s", defect);
	lock = advl_find(h->held, name);
	if (lock == NULL)
		return advl_not_held(h, name);
	return h->way->start_unlock(h, lock);
}

advlock_result
advlock_start_unlock(advlock *h, const char *name)
{
	advlock_result r = advl_begin(h);

	return advl_started(h, r == ADVLOCK_OK ? start(h, name) : r);
}
