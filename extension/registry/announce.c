/*-------------------------------------------------------------------------
 *
 * announce.c
 *	  What locking tells the other sessions, through the registry.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "registry/announce.h"
#include "registry/label.h"
#include "registry/names.h"

/*
 * Make ready.  What is registered for the end of the session after this can
 * still use the registry then.
 */
void
announce_begin(void)
{
	(void) registry();
}

/* The session is going to wait for a lock; held: it holds it in another mode. */
void
announce_wanted(const NamedLock *lock, bool held)
{
	name_wanted(lock);
	if (!held)
		label_put(&lock->id, 0, 0, 0);
}

/* That wait has ended, whatever came of it. */
void
announce_waited(const NamedLock *lock, bool held, int64 wait_us)
{
	name_waited(lock, wait_us);
	if (!held)
		label_remove(lock->id.key);
}

/* The lock was granted, but is kept off from the session until then. */
void
announce_delayed(const NamedLock *lock, TimestampTz until)
{
	label_put(&lock->id, 0, until, 0);
}

/*
 * The lock was acquired, and has that token; held: it was held before, in
 * whatever mode; waited: announce_wanted() came before.
 */
void
announce_acquired(const NamedLock *lock, LOCKMODE mode, int64 token, bool held, bool waited)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!held && name_acquired(lock, mode, now, token, !waited))
		label_remove(lock->id.key); /* of a delay */
	else
		label_put(&lock->id, now, 0, token);
}

/* An acquire was given up, since the time ran out. */
void
announce_timed_out(const NamedLock *lock)
{
	name_timed_out(lock);
}

/* The session holds the lock no longer, in any mode. */
void
announce_released(const NameId *id, int64 hold_us)
{
	name_released(id, hold_us);
}

/* Nothing is to be told of the lock any more: take back what was. */
void
announce_nothing_held(const NameId *id)
{
	label_remove(id->key);
}

/* A permit is going to be free, or is already: wake who looks for one. */
void
announce_permit_released(void)
{
	Registry   *reg = registry();

	if (reg)
		ConditionVariableBroadcast(&reg->state->released);
}

/* Does who looks for a permit learn of its release? */
bool
permit_releases_are_announced(void)
{
	return registry() != NULL;
}

/*
 * Sleep for so many ms, or until a permit of any pool is released: then
 * returns true.  Releases must be announced.  The caller ends a series of
 * these by ConditionVariableCancelSleep().
 */
bool
await_permit_release(int ms)
{
	return !ConditionVariableTimedSleep(&registry()->state->released, ms, PG_WAIT_EXTENSION);
}
