/*-------------------------------------------------------------------------
 *
 * permit.c
 *	  Counting semaphores.
 *
 * Permit i of a pool "p" is the named lock "p#i", so a permit comes back by
 * itself when its holder dies.  Who has to wait stands in the lock queue of
 * "p#queue", and only the one at its head looks for a free permit: first come,
 * first served, with one poller per pool at the most.  Who finds nobody
 * waiting takes a permit without queueing; it makes sure with a shared lock on
 * the queue, which keeps no other such caller off.
 *
 * Each caller looks at the permits from 1 up to its own limit.  Callers with
 * different limits may therefore share a pool: a caller with limit n gets in
 * only while one of the permits 1..n is free, whatever others hold above n.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/condition_variable.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "locking/acquire.h"
#include "locking/permit.h"
#include "locking/wait.h"
#include "registry/announce.h"

/*
 * How long the head of the queue sleeps between two looks, in ms.  With the
 * registry it is woken by every release that we know of; a permit released by
 * other means, a raw pg_advisory_unlock() say, is found all the same.
 */
#define MIN_PAUSE_MS 1
#define MAX_PAUSE_MS 50
#define MAX_PAUSE_WITH_REGISTRY_MS 500

static NamedLock
permit_lock(const NamedLock *pool, int permit)
{
	NamedLock	lock;

	named_lock_init(&lock, psprintf("%s#%d", pool->name, permit));
	return lock;
}

static NamedLock
queue_lock(const NamedLock *pool)
{
	NamedLock	lock;

	named_lock_init(&lock, psprintf("%s#queue", pool->name));
	return lock;
}

/*
 * Take the lowest permit that is free, and return its number, or 0.  Permits
 * that this session holds are not free: it can hold several, each once.
 */
static int
take_free_permit(const NamedLock *pool, int permits, int64 *token)
{
	for (int64 i = 1; i <= permits; i++)
	{
		NamedLock	lock = permit_lock(pool, i);

		if (!lock_held_by_me(&lock.tag, ExclusiveLock) &&
			acquire_uncounted(&lock, SESSION_PERMIT, &NOW, token))
			return i;
		pfree(unconstify(char *, lock.name));
	}
	return 0;
}

/*
 * Sleep for so many ms, not beyond the deadline, or until a permit of any pool
 * is released.  Returns true in the latter case.
 */
static bool
sleep_for_release(int ms, const Deadline *deadline)
{
	int			left = deadline_remaining_ms(deadline);

	InvalidateCatalogSnapshotConditionally();
	if (permit_releases_are_announced())
		return await_permit_release(left == NO_TIME_LIMIT ? ms : Min(ms, left));
	(void) deadline_sleep(deadline, ms);
	return false;
}

/*
 * As the head of the queue: look for a free permit until the deadline.
 *
 * A session that ends says so just before its locks go, so after each wake-up
 * the first looks follow each other closely.
 */
static int
poll_for_permit(const NamedLock *pool, int permits, const Deadline *deadline, int64 *token)
{
	int			longest = permit_releases_are_announced() ? MAX_PAUSE_WITH_REGISTRY_MS : MAX_PAUSE_MS;
	int			pause = MIN_PAUSE_MS;
	int			permit;

	while ((permit = take_free_permit(pool, permits, token)) == 0 &&
		   deadline_remaining_ms(deadline) != 0)
	{
		bool		woken = sleep_for_release(pause, deadline);

		pause = woken ? MIN_PAUSE_MS : Min(2 * pause, longest);
	}
	ConditionVariableCancelSleep();
	return permit;
}

/*
 * Hold the queue's lock in a mode while taking a permit, and return its number
 * or 0.  That lock is a transaction-level one, so that no error can leave it
 * behind.
 */
static int
take_permit_holding_queue(const NamedLock *pool, int permits, LockForm queue_form,
						  const Deadline *queue_deadline, const Deadline *deadline,
						  int64 *token)
{
	NamedLock	queue = queue_lock(pool);
	int			permit;

	if (!wait_for_lock(&queue, queue_form, queue_deadline).granted)
		return 0;
	permit = poll_for_permit(pool, permits, deadline, token);
	LockRelease(&queue.tag, queue_form.mode, queue_form.session);
	return permit;
}

/*
 * Acquire one of the permits 1..permits, session-level, and return its number;
 * 0 when the deadline passed.  *token becomes the permit's fencing token.
 */
int
acquire_permit(const NamedLock *pool, int permits, const Deadline *deadline, int64 *token)
{
	int			permit;

	check_locking_allowed(pool);
	permit = take_permit_holding_queue(pool, permits, XACT_SHARED, &NOW, &NOW, token);
	if (permit == 0 && deadline_remaining_ms(deadline) != 0)
		permit = take_permit_holding_queue(pool, permits, XACT_EXCLUSIVE,
										   deadline, deadline, token);
	if (permit == 0)
		give_up(pool, "a permit of", deadline);
	return permit;
}

/* Release a permit; false, with a warning, if the session does not hold it. */
bool
release_permit(const NamedLock *pool, int permit)
{
	NamedLock	lock = permit_lock(pool, permit);

	return release_lock(&lock, ExclusiveLock);
}
