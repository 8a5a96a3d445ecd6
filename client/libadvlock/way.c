/*-------------------------------------------------------------------------
 *
 * way.c
 *	  The ways to have locks from a session, and which one is right.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

static advlock_result
take_by_keys(advlock *h)
{
	return h->op.options.permits > 0 ? advl_take_permit(h) : advl_take_all(h);
}

/* Session-level locks through the extension. */
static const advl_way by_extension = {
	.extension = true,
	.start_run = advl_run_in_session,
	.start_lock = advl_acquire,
	.start_unlock = advl_unlock_one,
	.start_check = advl_check_session,
	.release_all = advl_unlock_all
};

/* The same with core's functions, and the same keys. */
static const advl_way by_keys = {
	.start_lock = take_by_keys,
	.start_unlock = advl_unlock_one,
	.start_check = advl_check_session,
	.release_all = advl_unlock_all
};

/* Transaction-level locks. */
static const advl_way in_transaction_by_extension = {
	.extension = true,
	.start_run = advl_run_in_session,
	.start_lock = advl_take_by_extension,
	.start_unlock = advl_commit_one,
	.start_check = advl_check_transaction,
	.release_all = advl_commit
};

static const advl_way in_transaction_by_keys = {
	.start_lock = advl_take_by_keys,
	.start_unlock = advl_commit_one,
	.start_check = advl_check_transaction,
	.release_all = advl_commit
};

const advl_way *
advl_choose_way(bool transaction, bool extension)
{
	if (transaction)
		return extension ? &in_transaction_by_extension : &in_transaction_by_keys;
	return extension ? &by_extension : &by_keys;
}

/* What advl_wrong_way() has asked for, before the next operation. */
void
advl_find_way(advlock *h)
{
	if (!h->other_way)
		return;
	h->way = advl_choose_way(h->options.transaction != 0, !h->way->extension);
	h->other_way = h->registry = false;
	h->warm = ADVL_COLD;
}
