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
 * If there is but one permit for the head to get, it waits in the lock queue
 * of that.  PostgreSQL has no way to wait for whichever of several locks comes
 * first, so else it sleeps and looks, and has to look for deadlocks, too.
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
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "locking/acquire.h"
#include "locking/awaited.h"
#include "locking/deadlock.h"
#include "locking/delay.h"
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
#define MAX_PAUSE_WITH_REGISTRY_MS 1000

/* It looks for a deadlock after deadlock_timeout, and again, but not oftener */
#define MIN_CHECK_INTERVAL_MS 100

/* In place of a permit's number */
#define NO_PERMIT 0
#define STEPPED_BACK (-1)

/* An acquire under way */
typedef struct Request
{
	const NamedLock *pool;
	int			permits;		/* its limit */
	NamedLock	queue;
	const Deadline *deadline;
	Deadline	next_check;		/* for a deadlock */
	bool		has_stepped_back;
	int64	   *token;

	/* As the head of the queue: the permits that others hold, and the queue */
	NamedLock  *locks;
	int		   *numbers;
	int			count;			/* of permits */
} Request;

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
 * Take the lowest permit that is free, and return its number.  Permits that
 * this session holds are not free: it can hold several, each once.
 */
static int
take_free_permit(const Request *request)
{
	for (int64 i = 1; i <= request->permits; i++)
	{
		NamedLock	lock = permit_lock(request->pool, i);

		if (!lock_held_by_me(&lock.tag, ExclusiveLock) &&
			acquire_uncounted(&lock, SESSION_PERMIT, &NOW, request->token))
			return i;
		pfree(unconstify(char *, lock.name));
	}
	return NO_PERMIT;
}

/* The head of the queue has found none: note which ones there are to get. */
static void
find_permits_of_others(Request *request)
{
	request->locks = palloc((request->permits + INT64CONST(1)) * sizeof(NamedLock));
	request->numbers = palloc(request->permits * sizeof(int));
	request->count = 0;
	for (int64 i = 1; i <= request->permits; i++)
	{
		NamedLock	lock = permit_lock(request->pool, i);

		if (lock_held_by_me(&lock.tag, ExclusiveLock))
			continue;
		request->locks[request->count] = lock;
		request->numbers[request->count++] = i;
	}
	request->locks[request->count] = request->queue;
}

/* Take one of those that is free, and return its number. */
static int
take_from_others(const Request *request)
{
	for (int i = 0; i < request->count; i++)
	{
		if (acquire_uncounted(&request->locks[i], SESSION_PERMIT, &NOW, request->token))
			return request->numbers[i];
	}
	return NO_PERMIT;
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

static void
report_deadlock(const Request *request, const char *detail)
{
	pgstat_report_deadlock();
	ereport(ERROR,
			(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
			 errmsg("deadlock detected"),
			 detail ? errdetail_internal("%s", detail) :
			 errdetail("This session itself holds all permits of \"%s\" that it could get.",
					   request->pool->name)));
}

/*
 * As the head of the queue: is there still a chance?  An error if this session
 * is in a deadlock; false if it is only in the way of one who is.
 */
static bool
may_get_permit(Request *request)
{
	char	   *detail = NULL;
	Verdict		verdict = request->count == 0 ? DEADLOCKED :
		check_deadlock(request->locks, request->count, &request->queue,
					   request->has_stepped_back, &detail);

	if (verdict == DEADLOCKED)
	{
		/* before others look, whom one victim is enough for */
		unmark_awaited(request->locks, request->count + 1);
		report_deadlock(request, detail);
	}
	request->next_check = deadline_after_ms(Max(DeadlockTimeout, MIN_CHECK_INTERVAL_MS));
	return verdict == KEEP_WAITING;
}

/*
 * As the head of the queue: look for a free permit until the deadline.
 *
 * A session that ends says so just before its locks go, so after each wake-up
 * the first looks follow each other closely.
 */
static int
poll_for_permit(Request *request)
{
	int			longest = permit_releases_are_announced() ? MAX_PAUSE_WITH_REGISTRY_MS : MAX_PAUSE_MS;
	int			pause = MIN_PAUSE_MS;
	int			permit;

	while ((permit = take_from_others(request)) == NO_PERMIT &&
		   deadline_remaining_ms(request->deadline) != 0)
	{
		int			until_check = deadline_remaining_ms(&request->next_check);
		bool		woken;

		if (until_check == 0 && !may_get_permit(request))
		{
			permit = STEPPED_BACK;
			break;
		}
		woken = sleep_for_release(Min(pause, Max(until_check, MIN_PAUSE_MS)), request->deadline);
		pause = woken ? MIN_PAUSE_MS : Min(2 * pause, longest);
	}
	ConditionVariableCancelSleep();
	return permit;
}

/*
 * Have wait() wait in a lock queue; *granted becomes whether it got the lock.
 *
 * Core's deadlock detector makes whoever looks last the victim, though that
 * may only be in the way of another.  So its error is returned, palloc'd, for
 * the caller to throw where there is nothing better to do; what the wait has
 * left behind has been put right already.
 */
static ErrorData *
wait_or_deadlock(bool (*wait) (const Request *), const Request *request, bool *granted)
{
	MemoryContext caller_context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	*granted = false;
	PG_TRY();
	{
		*granted = wait(request);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_context);
		if (geterrcode() != ERRCODE_T_R_DEADLOCK_DETECTED)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static bool
queue_for_only_permit(const Request *request)
{
	return acquire_uncounted(&request->locks[0], SESSION_PERMIT,
							 request->deadline, request->token);
}

/* Wait in the lock queue of the one permit that there is to get. */
static int
wait_for_only_permit(const Request *request)
{
	bool		granted;
	ErrorData  *error = wait_or_deadlock(queue_for_only_permit, request, &granted);
	char	   *detail;

	if (!error)
		return granted ? request->numbers[0] : NO_PERMIT;
	if (check_deadlock(request->locks, 1, &request->queue,
					   request->has_stepped_back, &detail) != STEP_BACK)
		ReThrowError(error);
	return STEPPED_BACK;
}

/* As the head of the queue: get a permit, in one way or the other. */
static int
wait_for_permit(Request *request)
{
	int			permit;

	find_permits_of_others(request);
	if (request->count == 1)
		permit = wait_for_only_permit(request);
	else
	{
		mark_awaited(request->locks, request->count + 1);
		permit = poll_for_permit(request);
		unmark_awaited(request->locks, request->count + 1);
	}
	for (int i = 0; i < request->count; i++)
		pfree(unconstify(char *, request->locks[i].name));
	pfree(request->locks);
	pfree(request->numbers);
	return permit;
}

/*
 * Hold the queue's lock in a mode while taking a permit.  That lock is a
 * transaction-level one, so that no error can leave it behind.
 */
static int
take_permit_at_once(const Request *request)
{
	int			permit;

	if (!queue_for_lock(&request->queue, XACT_SHARED, &NOW).granted)
		return NO_PERMIT;
	permit = wait_out_start(&request->queue, &NOW) ? take_free_permit(request) : NO_PERMIT;
	LockRelease(&request->queue.tag, ShareLock, false);
	return permit;
}

static bool
queue_for_turn(const Request *request)
{
	return queue_for_lock(&request->queue, XACT_EXCLUSIVE, request->deadline).granted;
}

/*
 * A deadlock in the queue: those ahead wait for what this session holds.  They
 * may have left a permit free that their own limits keep them from.
 */
static int
take_permit_out_of_turn(const Request *request, ErrorData *error)
{
	int			permit = take_free_permit(request);

	if (permit == NO_PERMIT)
		ReThrowError(error);
	return permit;
}

static int
take_permit_in_turn(Request *request)
{
	bool		granted;
	ErrorData  *error = wait_or_deadlock(queue_for_turn, request, &granted);
	int			permit;

	if (error)
		return take_permit_out_of_turn(request, error);
	if (!granted)
		return NO_PERMIT;
	permit = wait_out_start(&request->queue, request->deadline) ?
		take_free_permit(request) : NO_PERMIT;
	if (permit == NO_PERMIT && deadline_remaining_ms(request->deadline) != 0)
		permit = wait_for_permit(request);
	LockRelease(&request->queue.tag, ExclusiveLock, false);
	return permit;
}

static void
permit_error_context(void *arg)
{
	errcontext("while acquiring a permit of \"%s\"", ((const Request *) arg)->pool->name);
}

/*
 * Acquire one of the permits 1..permits, session-level, and return its number;
 * 0 when the deadline passed.  *token becomes the permit's fencing token.
 */
int
acquire_permit(const NamedLock *pool, int permits, const Deadline *deadline, int64 *token)
{
	Request		request = {
		.pool = pool, .permits = permits, .queue = queue_lock(pool), .deadline = deadline,
		.next_check = deadline_after_ms(DeadlockTimeout), .token = token
	};
	ErrorContextCallback context = {error_context_stack, permit_error_context, &request};
	int			permit;

	check_locking_allowed(pool);
	announce_begin();
	error_context_stack = &context;
	permit = take_permit_at_once(&request);
	if (permit == NO_PERMIT && deadline_remaining_ms(deadline) != 0)
	{
		while ((permit = take_permit_in_turn(&request)) == STEPPED_BACK)
			request.has_stepped_back = true;
	}
	error_context_stack = context.previous;
	if (permit == NO_PERMIT)
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
