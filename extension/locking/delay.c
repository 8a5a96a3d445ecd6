/*-------------------------------------------------------------------------
 *
 * delay.c
 *	  Keeping others off a name after its holder was lost.
 *
 * A session that ends while it holds a lock may have left a job behind that
 * does not know it yet.  If the session had asked for it by the setting
 * advisory_lock.lock_delay, then for so long nobody else gets the lock.
 *
 * Who was granted the lock in PostgreSQL's queue waits the delay out while
 * holding it, so that the queue keeps its order; for everybody else it has
 * not been granted yet.
 *
 * After a start of the server, or its promotion, nobody knows what was held,
 * so any name may have been lost at that moment.  Then an acquirer assumes
 * that its own delay was meant for it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "locking/delay.h"
#include "registry/announce.h"
#include "base/settings.h"

/* Microseconds on the monotonic clock, which all sessions share. */
static int64
now_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MICROSEC(now);
}

static DelayId
delay_id(LockKey key)
{
	return (DelayId) {MyDatabaseId, key};
}

/* Remove the delays that are over, of names that nobody asked for since. */
static void
forget_past_delays(Registry *reg)
{
	dshash_seq_status scan;
	Delay	   *delay;

	dshash_seq_init(&scan, reg->delays, true);
	while ((delay = dshash_seq_next(&scan)) != NULL)
	{
		if (delay->until > now_us())
			continue;
		dshash_delete_current(&scan);
		pg_atomic_fetch_sub_u32(&reg->state->delays, 1);
	}
	dshash_seq_term(&scan);
}

/* This session is ending with the lock in its hands: keep others off. */
void
delay_begin(LockKey key)
{
	Registry   *reg = registry();
	DelayId		id = delay_id(key);
	int64		until = now_us() + INT64CONST(1000) * lock_delay;
	Delay	   *delay;
	bool		found;

	if (!reg || lock_delay == 0)
		return;
	forget_past_delays(reg);
	delay = dshash_find_or_insert(reg->delays, &id, &found);
	delay->until = found ? Max(delay->until, until) : until;
	delay->role = GetUserId();
	dshash_release_lock(reg->delays, delay);
	if (!found)
		pg_atomic_fetch_add_u32(&reg->state->delays, 1);
}

/*
 * Until when the key is kept off; 0 if it is not.  A delay that is over is
 * removed.
 */
static int64
delayed_until(LockKey key)
{
	Registry   *reg = registry();
	DelayId		id = delay_id(key);
	Delay	   *delay;
	int64		until;

	if (!reg || pg_atomic_read_u32(&reg->state->delays) == 0)
		return 0;
	delay = dshash_find(reg->delays, &id, true);
	if (!delay)
		return 0;
	until = delay->until;
	if (until > now_us())
	{
		dshash_release_lock(reg->delays, delay);
		return until;
	}
	dshash_delete_entry(reg->delays, delay);
	pg_atomic_fetch_sub_u32(&reg->state->delays, 1);
	return 0;
}

/* Copies of this database's delays that are not over, palloc'd. */
Delay *
delays_under_way(int *count)
{
	Registry   *reg = registry();
	int			room = reg ? pg_atomic_read_u32(&reg->state->delays) : 0;
	Delay	   *delays = palloc(Max(room, 1) * sizeof(Delay));
	dshash_seq_status scan;
	Delay	   *delay;

	*count = 0;
	if (room == 0)
		return delays;
	dshash_seq_init(&scan, reg->delays, false);
	while (*count < room && (delay = dshash_seq_next(&scan)) != NULL)
	{
		if (delay->id.database == MyDatabaseId && delay->until > now_us())
			delays[(*count)++] = *delay;
	}
	dshash_seq_term(&scan);
	return delays;
}

/* When a delay is over, on the clock that people read. */
TimestampTz
delay_end(const Delay *delay)
{
	return GetCurrentTimestamp() + (delay->until - now_us());
}

/*
 * Since when this server takes writes, which is since when it knows what is
 * held.  The WAL writer is started at that moment: after a start, after a
 * crash and at a promotion.
 */
static int64
running_since(void)
{
	static int64 since = 0;

	if (since != 0)
		return since;
	pgstat_clear_backend_activity_snapshot();
	for (int i = 1; since == 0 && i <= pgstat_fetch_stat_numbackends(); i++)
	{
		PgBackendStatus *status = backend_status_by_index(i);

		if (status && status->st_backendType == B_WAL_WRITER)
			since = now_us() - (GetCurrentTimestamp() - status->st_proc_start_timestamp);
	}
	return since != 0 ? since : now_us();
}

/* Until when the lock is kept off from this session; 0 if it is not. */
static int64
wait_until(const NamedLock *lock)
{
	int64		until = delayed_until(lock->id.key);

	if (lock_delay > 0 && registry() && !RecoveryInProgress())
		until = Max(until, running_since() + INT64CONST(1000) * lock_delay);
	return until;
}

/*
 * Having been granted the lock by the lock manager, wait until its delay is
 * over.  Returns false when the deadline passed.  Leaves a label up that tells
 * the others.
 */
bool
delay_wait(const NamedLock *lock, const Deadline *deadline)
{
	int64		left;

	while ((left = wait_until(lock) - now_us()) > 0)
	{
		announce_delayed(lock, GetCurrentTimestamp() + left);
		if (!deadline_sleep(deadline, left / 1000 + 1))
			return false;
	}
	return true;
}
