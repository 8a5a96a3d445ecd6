/*-------------------------------------------------------------------------
 *
 * acquire.c
 *	  Acquire and release, one lock or many.
 *
 * An acquire is a wait in the lock queue, then a fencing token, then a line in
 * the book of what this session holds.  All of it or nothing: whatever fails,
 * the locks granted so far in this call are released again.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/compat.h"
#include "base/title.h"
#include "locking/acquire.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "locking/lease.h"
#include "locking/unhindered.h"
#include "locking/wait.h"
#include "registry/announce.h"
#include "tokens/token.h"

/* One lock of an acquire under way */
typedef struct Grant
{
	const NamedLock *lock;
	HeldLock   *held;
	bool		held_before;	/* through us, in any mode */
	bool		same_token;		/* it has one, and nobody can have got a newer one */
	WaitResult	wait;
} Grant;

/* An acquire under way */
typedef struct Acquisition
{
	LockForm	form;
	Grant	   *grants;
	int			count;
	volatile int granted;		/* so many, from the first on; read by PG_CATCH */
} Acquisition;

/* Make ready what the acquire needs once locks are granted. */
static void
prepare(Grant *grants, const NamedLock *locks, int count)
{
	held_sweep();
	for (int i = 0; i < count; i++)
	{
		grants[i] = (Grant) {.lock = &locks[i]};
		grants[i].held = held_enter(&locks[i], &grants[i].held_before);
	}
}

/* Wait for one lock; false when the deadline passed. */
static bool
wait_for_one(Grant *grant, LockForm form, const Deadline *deadline)
{
	grant->wait = queue_for_lock(grant->lock, form, deadline);

	/* Held as strongly ever since the token was drawn, by marks alone. */
	grant->same_token = grant->held_before && grant->held->token != NO_TOKEN &&
		(grant->wait.marked ||
		 (form.mode == ShareLock && hold_is_marked(&grant->lock->tag, ExclusiveLock)));
	return grant->wait.granted;
}

/*
 * Wait for one lock after the other, and for the end of their delays.  Returns
 * how many were to be had before the deadline.
 */
static int
wait_for_all(Acquisition *acquisition, const Deadline *deadline)
{
	for (; acquisition->granted < acquisition->count; acquisition->granted++)
	{
		if (acquisition->form.session)
			check_lease_over(acquisition->grants[acquisition->granted].lock);
		if (!wait_for_one(&acquisition->grants[acquisition->granted],
						  acquisition->form, deadline))
			return acquisition->granted;
	}
	for (int i = 0; i < acquisition->count; i++)
	{
		Grant	   *grant = &acquisition->grants[i];

		if (!grant->same_token && !wait_out_delay(grant->lock, deadline))
			return i;
	}
	return acquisition->count;
}

/*
 * Give each lock its token, unless it has one that is still right.  After the
 * last wait only: drawing a token leaves a catalog snapshot behind.
 */
static void
draw_tokens(const Acquisition *acquisition, int64 *tokens)
{
	for (int i = 0; i < acquisition->count; i++)
	{
		Grant	   *grant = &acquisition->grants[i];

		if (grant->same_token)
		{
			tokens[i] = grant->held->token;
			continue;
		}
		tokens[i] = token_draw();
		announce_acquired(grant->lock, tokens[i], grant->held_before, grant->wait.waited);
	}
}

/* Release what was granted, the latest first. */
static void
undo(const Acquisition *acquisition)
{
	LockForm	form = acquisition->form;

	for (int i = acquisition->granted - 1; i >= 0; i--)
		LockRelease(&acquisition->grants[i].lock->tag, form.mode, form.session);
	for (int i = 0; i < acquisition->count; i++)
		held_forget_if_free(acquisition->grants[i].held);
}

/* Write down what was acquired; cannot fail. */
static void
note(const Acquisition *acquisition, const int64 *tokens)
{
	for (int i = 0; i < acquisition->count; i++)
	{
		const Grant *grant = &acquisition->grants[i];

		held_note(grant->held, acquisition->form, grant->wait.local, tokens[i]);
	}
}

/*
 * Acquire all of the locks or none.  Returns how many were to be had: count,
 * or else the index of the first that was not.
 */
static int
acquire_all(const NamedLock *locks, int count, LockForm form,
			const Deadline *deadline, int64 *tokens)
{
	Grant		one;			/* most acquires are of one lock */
	Grant	   *grants = count == 1 ? &one : palloc(count * sizeof(Grant));
	Acquisition acquisition = {form, grants, count, 0};
	int			available;

	prepare(grants, locks, count);

	PG_TRY();
	{
		available = wait_for_all(&acquisition, deadline);
		if (available == count)
			draw_tokens(&acquisition, tokens);

		/* A cancel that came meanwhile shall find nothing held afterwards. */
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		undo(&acquisition);
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (available < count)
		undo(&acquisition);
	else
		note(&acquisition, tokens);
	if (acquisition.grants != &one)
		pfree(acquisition.grants);
	return available;
}

/*
 * The time ran out for a lock, or for the other thing called what: raise an
 * error if the deadline was the setting lock_timeout, as core does, else
 * return false.
 */
bool
give_up(const NamedLock *lock, const char *what, const Deadline *deadline)
{
	announce_timed_out(lock);
	if (deadline->raises)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("canceling statement due to lock timeout"),
				 errcontext("while acquiring %s %s", what, lock_title(lock))));
	return false;
}

/*
 * Acquire all of the locks, each once, in the given order; all or none.
 *
 * The locks must be different and in key order, so that sessions that ask for
 * overlapping sets cannot deadlock.  tokens[i] becomes the fencing token of
 * locks[i].  Returns false when the deadline passed, and then nothing is held
 * that was not before; so too after an error.
 */
bool
acquire_locks(const NamedLock *locks, int count, LockForm form,
			  const Deadline *deadline, int64 *tokens)
{
	int			available;

	check_locking_allowed(&locks[0]);
	announce_begin();
	available = acquire_all(locks, count, form, deadline, tokens);
	if (available == count)
		return true;
	return give_up(&locks[available],
				   form.mode == ExclusiveLock ? "exclusive advisory lock" : "shared advisory lock",
				   deadline);
}

/* The same for one lock. */
bool
acquire_lock(const NamedLock *lock, LockForm form, const Deadline *deadline, int64 *token)
{
	return acquire_unhindered(lock, form, token) ||
		acquire_locks(lock, 1, form, deadline, token);
}

/*
 * The same for one lock as a part of something else: when the time runs out,
 * that does not count as a timeout of this lock and is never an error.
 */
bool
acquire_uncounted(const NamedLock *lock, LockForm form, const Deadline *deadline, int64 *token)
{
	return acquire_all(lock, 1, form, deadline, token) == 1;
}

/*
 * Acquire one lock if it is free.  If it is not, that is no timeout: the caller
 * is going to wait for it.
 */
bool
acquire_at_once(const NamedLock *lock, LockForm form, int64 *token)
{
	if (acquire_unhindered(lock, form, token))
		return true;
	check_locking_allowed(lock);
	announce_begin();
	return acquire_uncounted(lock, form, &NOW, token);
}

static void
warn_not_held(const NamedLock *lock, LOCKMODE mode)
{
	LOCKMODE	other = mode == ExclusiveLock ? ShareLock : ExclusiveLock;

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("you do not hold %s advisory lock %s",
					lock_mode_name(mode), lock_title(lock)),
			 lock_held_by_me(&lock->tag, other) ?
			 errhint("You hold it in %s mode.", lock_mode_name(other)) : 0));
}

/* Core warns without a name when only the transaction holds the lock. */
static void
release_error_context(void *arg)
{
	errcontext("while releasing advisory lock %s", prepared_title(arg));
}

/*
 * Release a session-level lock once.  Returns false, with a warning, if the
 * session does not hold it so; leans on LockRelease().
 */
bool
release_lock(const NamedLock *lock, LOCKMODE mode)
{
	HeldLock   *held = held_find(lock);
	ErrorContextCallback context = {
		error_context_stack, release_error_context, unconstify(NamedLock *, lock)
	};
	bool		released;

	check_not_parallel(lock);
	if (!(held && *held_session_count(held, mode) > 0) &&
		!lock_held_by_me(&lock->tag, mode))
	{
		warn_not_held(lock, mode);
		return false;
	}
	error_context_stack = &context;
	released = LockRelease(&lock->tag, mode, true);
	error_context_stack = context.previous;

	if (released && held)
		held_note_release(held, mode);
	else if (held)
		held_forget_if_free(held);
	return released;
}

/*
 * Release all session-level holds in a mode; how many there were.  What was
 * released behind our back and is held again, is not ours.
 */
static int
release_counted(HeldLock *held, LOCKMODE mode)
{
	int		   *count = held_session_count(held, mode);
	bool		ours = *count > 0 && hold_is_marked(&held->tag, mode);
	int			released = 0;

	for (; *count > 0; (*count)--)
	{
		if (ours && lock_held_by_me(&held->tag, mode) && LockRelease(&held->tag, mode, true))
			released++;
	}
	return released;
}

/*
 * Release every session-level lock that was taken through the extension, and
 * no other.  Returns how many names that were.
 */
int
release_all_locks(void)
{
	dlist_mutable_iter iter;
	int			names = 0;

	check_not_parallel(NULL);
	dlist_foreach_modify(iter, held_in_use())
	{
		HeldLock   *held = dlist_container(HeldLock, node, iter.cur);
		int			released = release_counted(held, ExclusiveLock) +
			release_counted(held, ShareLock);

		if (released > 0)
			names++;
		held_forget_if_free(held);
	}
	return names;
}
