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

#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "locking/acquire.h"
#include "base/compat.h"
#include "locking/held.h"
#include "registry/names.h"
#include "locking/permit.h"

/*
 * How long the head of the queue sleeps between two looks, in ms.  With the
 * registry it is woken by every release that we know of; a permit released by
 * other means, a raw pg_advisory_unlock() say, is found all the same.
 */
#define MIN_PAUSE_MS 1
#define MAX_PAUSE_MS 50
#define MAX_PAUSE_WITH_REGISTRY_MS 500

PG_FUNCTION_INFO_V1(advisory_lock_acquire_permit);
PG_FUNCTION_INFO_V1(advisory_lock_release_permit);

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
			acquire_if_free(&lock, SESSION_EXCLUSIVE, token))
		{
			held_find(&lock)->permit = true;
			return i;
		}
		pfree(unconstify(char *, lock.name));
	}
	return 0;
}

/* A permit is going to be free, or is already: wake the heads of the queues. */
void
permit_released(void)
{
	Registry   *reg = registry();

	if (reg)
		ConditionVariableBroadcast(&reg->state->released);
}

/*
 * Sleep for so many ms, or until a permit of any pool is released.  Returns
 * true in the latter case; leans on the registry for that.
 */
static bool
sleep_for_release(int ms)
{
	Registry   *reg = registry();

	InvalidateCatalogSnapshotConditionally();
	if (reg)
		return !ConditionVariableTimedSleep(&reg->state->released, ms, PG_WAIT_EXTENSION);
	sleep_ms(ms);
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
	int			longest = registry() ? MAX_PAUSE_WITH_REGISTRY_MS : MAX_PAUSE_MS;
	int			pause = MIN_PAUSE_MS;
	int			permit;
	int			left;

	while ((permit = take_free_permit(pool, permits, token)) == 0 &&
		   (left = deadline_remaining_ms(deadline)) != 0)
	{
		bool		woken = sleep_for_release(left == NO_TIME_LIMIT ? pause : Min(pause, left));

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
	bool		waited;
	int			permit;

	if (wait_for_lock(&queue, queue_form, queue_deadline, &waited) == LOCKACQUIRE_NOT_AVAIL)
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
		name_timed_out(pool);
	return permit;
}

/* The argument that says how many permits there are. */
int
permits_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	int			permits = PG_ARGISNULL(argno) ? 0 : PG_GETARG_INT32(argno);

	if (permits < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(argno) ?
				 errmsg("number of permits of \"%s\" must not be null", name) :
				 errmsg("number of permits of \"%s\" must be at least 1, not %d",
						name, permits)));
	return permits;
}

/* acquire_permit(name text, permits integer, timeout interval) returns integer */
Datum
advisory_lock_acquire_permit(PG_FUNCTION_ARGS)
{
	NamedLock	pool = named_lock_arg(fcinfo, 0);
	int			permits = permits_arg(fcinfo, 1, pool.name);
	Deadline	deadline = deadline_arg_or_never(fcinfo, 2, pool.name);
	int64		token;
	int			permit = acquire_permit(&pool, permits, &deadline, &token);

	if (permit == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(permit);
}

/* release_permit(name text, permit integer) returns boolean */
Datum
advisory_lock_release_permit(PG_FUNCTION_ARGS)
{
	NamedLock	pool = named_lock_arg(fcinfo, 0);
	NamedLock	lock;

	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("permit of \"%s\" must be the number of a permit", pool.name),
				 errhint("Pass what advisory_lock.acquire_permit() returned.")));
	lock = permit_lock(&pool, PG_GETARG_INT32(1));
	PG_RETURN_BOOL(release_lock(&lock, ExclusiveLock));
}
