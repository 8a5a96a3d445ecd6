/*-------------------------------------------------------------------------
 *
 * delay.c
 *	  Keeping others off a name: after its holder was lost, or for a lease.
 *
 * A key can be kept off until some time, whoever asks for it.  A lease does
 * that as long as it lasts, see lease.c.  And a session that ends while it
 * holds a lock may have left a job behind that does not know it yet.  If the
 * session had asked for it by the setting advisory_lock.lock_delay, then for
 * so long nobody else gets the lock.
 *
 * Who was granted the lock in PostgreSQL's queue waits the delay out while
 * holding it, so that the queue keeps its order; for everybody else it has
 * not been granted yet.
 *
 * After a start of the server, or its promotion, nobody knows what was held,
 * so any name may have been lost at that moment.  Then an acquirer assumes
 * that its own delay was meant for it; but not in a database that had given no
 * fencing token before, where nothing was held.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/title.h"
#include "locking/delay.h"
#include "locking/lease.h"
#include "registry/announce.h"
#include "tokens/token.h"

/*
 * How long a wait goes without another look, in ms.  With the registry, who
 * lets others in wakes it; what is let in by other means is found all the same.
 */
#define MAX_PAUSE_MS 50
#define MAX_PAUSE_WITH_REGISTRY_MS 1000

/*
 * This session is ending with locks in its hands, whose keys next() gives:
 * keep others off them, if the session has asked for it.
 */
void
keep_others_off(NextKey next, void *arg)
{
	Registry   *reg = registry();
	int64		now = monotonic_us();

	if (!reg || lock_delay == 0)
		return;
	LWLockAcquire(&reg->state->delay_lock, LW_EXCLUSIVE);
	delays_put(reg, next, arg, now, now + INT64CONST(1000) * lock_delay);
	LWLockRelease(&reg->state->delay_lock);
}

/* Until when a lost session keeps others off the key; 0 if none does. */
static int64
delayed_until(LockKey key)
{
	Registry   *reg = registry();
	Delay	   *delay;
	int64		until = 0;

	if (!reg)
		return 0;
	LWLockAcquire(&reg->state->delay_lock, LW_SHARED);
	delay = delay_find(reg, key);
	if (delay)
		until = delay->until;
	LWLockRelease(&reg->state->delay_lock);
	return until > monotonic_us() ? until : 0;
}

/* The role whose session left a delay; InvalidOid if there is no such delay. */
static Oid
role_of_delay(Registry *reg, LockKey key)
{
	Delay	   *delay;
	Oid			role = InvalidOid;

	LWLockAcquire(&reg->state->delay_lock, LW_SHARED);
	delay = delay_find(reg, key);
	if (delay && delay->until > monotonic_us())
		role = delay->role;
	LWLockRelease(&reg->state->delay_lock);
	return role;
}

/* May the user end sessions of that role?  As pg_terminate_backend() decides. */
bool
may_terminate(Oid role)
{
	if (superuser_arg(role))
		return superuser();
	return has_privs_of_role(GetUserId(), role) ||
		has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND);
}

/*
 * Let others have the lock before the delay is over that a lost session left.
 * Returns whether there was one.  Who may terminate a session may lift what it
 * left; others get an error.
 */
bool
lift_delay(const NamedLock *lock)
{
	Registry   *reg = registry();
	Oid			role = reg ? role_of_delay(reg, lock->id.key) : InvalidOid;
	Delay	   *delay;

	if (!OidIsValid(role))
		return false;
	if (!may_terminate(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to lift the delay of advisory lock %s",
						lock_title(lock)),
				 errdetail("Only roles that may terminate sessions of the role whose session was lost may lift what it left."),
				 errhint("Call it as a member of that role, or wait until the delay is over.")));
	LWLockAcquire(&reg->state->delay_lock, LW_EXCLUSIVE);
	delay = delay_find(reg, lock->id.key);
	if (delay && delay->role == role)
		delay_remove(reg, delay);
	LWLockRelease(&reg->state->delay_lock);
	announce_let_in();
	return delay != NULL;
}

/* Copies of this database's delays that are not over, palloc'd. */
Delay *
delays_under_way(int *count)
{
	Registry   *reg = registry();
	uint32		touched = reg ? table_touched(&reg->delays) : 0;
	Delay	   *delays = palloc(Max(touched, 1) * sizeof(Delay));
	int64		now = monotonic_us();

	*count = 0;
	if (touched == 0)
		return delays;
	LWLockAcquire(&reg->state->delay_lock, LW_SHARED);
	for (Place place = 1; place <= touched; place++)
	{
		Delay	   *delay = table_entry(&reg->delays, place);

		if (delay->link.linked && delay->database == MyDatabaseId && delay->until > now)
			delays[(*count)++] = *delay;
	}
	LWLockRelease(&reg->state->delay_lock);
	return delays;
}

/* When a delay is over, on the clock that people read. */
TimestampTz
delay_ends_at(const Delay *delay)
{
	return GetCurrentTimestamp() + (delay->until - monotonic_us());
}

/*
 * Since when this server takes writes, which is since when it knows what is
 * held, on the wall clock; 0 if that cannot be told yet.  The WAL writer is
 * started at that moment: after a start, after a crash and at a promotion.  A
 * server of a single process has none.
 */
static TimestampTz
started_at(void)
{
	if (!IsUnderPostmaster)
		return MyStartTimestamp;
	pgstat_clear_backend_activity_snapshot();
	for (int i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		PgBackendStatus *status = backend_status_by_index(i);

		if (status && status->st_backendType == B_WAL_WRITER)
			return status->st_proc_start_timestamp;
	}
	return 0;
}

/*
 * The same on the monotonic clock.  Who asks first decides for all, so that a
 * clock that is set afterwards changes nothing, and since to look for the WAL
 * writer means to copy what all sessions do.  What has happened is not in the
 * future, wherever the clock stands, nor before the memory was made.
 */
static int64
running_since(void)
{
	RegistryState *state = registry()->state;
	uint64		since = pg_atomic_read_u64(&state->running_since);
	TimestampTz started;
	int64		now;

	if (since != 0)
		return (int64) since;
	started = started_at();
	now = monotonic_us();
	if (started == 0)
		return now;
	now -= Max(GetCurrentTimestamp() - started, 0);
	now = Max(now, state->begun_at);
	return pg_atomic_compare_exchange_u64(&state->running_since, &since, (uint64) now) ?
		now : (int64) since;
}

/*
 * Until when a lock may have been held that the server knew before it was
 * started; 0 if that is over, or the database has no such locks.
 */
static int64
unknown_until(void)
{
	int64		until;

	if (lock_delay == 0 || !registry() || RecoveryInProgress())
		return 0;
	until = running_since() + INT64CONST(1000) * lock_delay;
	return until > monotonic_us() && tokens_given_before_start() ? until : 0;
}

/* The same of a lease, on the monotonic clock. */
static int64
lease_until(LockKey key)
{
	TimestampTz until = leased_until(key);

	return until == 0 ? 0 : monotonic_us() + (until - GetCurrentTimestamp());
}

/* Take the time for the result if it is later. */
static void
take_later(int64 *until, DelayReason *reason, int64 other, DelayReason other_reason)
{
	if (other <= *until)
		return;
	*until = other;
	*reason = other_reason;
}

/* Until when the lock is kept off from this session, and why; 0 if it is not. */
static int64
kept_off_until(const NamedLock *lock, DelayReason *reason)
{
	Registry   *reg = registry();
	int64		until = 0;

	*reason = NOT_DELAYED;
	if (!reg || !nothing_is_kept_off(reg))
	{
		take_later(&until, reason, delayed_until(lock->id.key), HOLDER_LOST);
		take_later(&until, reason, lease_until(lock->id.key), LEASED);
	}
	take_later(&until, reason, unknown_until(), SERVER_STARTED);
	return until;
}

/* Leave a label up that tells the others, before sleeping so many microseconds. */
static void
announce_sleep(const NamedLock *lock, int64 us, DelayReason reason)
{
	announce_delayed(lock, GetCurrentTimestamp() + us, reason);

	/* A catalog snapshot left over would hold back others meanwhile. */
	InvalidateCatalogSnapshotConditionally();
}

/*
 * Sleep for so many ms, or until some key is let in, or for a while.  Returns
 * false when the deadline passed.
 */
static bool
sleep_while_kept_off(const Deadline *deadline, int64 ms)
{
	int			left = deadline_remaining_ms(deadline);

	if (left == 0)
		return false;
	if (!registry())
		return deadline_sleep(deadline, Min(ms, MAX_PAUSE_MS));
	await_let_in(Min(Min(ms, MAX_PAUSE_WITH_REGISTRY_MS), left == NO_TIME_LIMIT ? PG_INT32_MAX : left));
	return true;
}

/* Wait until the lock is kept off no longer; false when the deadline passed. */
static bool
wait_while_kept_off(const NamedLock *lock, const Deadline *deadline)
{
	DelayReason reason;
	int64		left;

	while ((left = kept_off_until(lock, &reason) - monotonic_us()) > 0)
	{
		announce_sleep(lock, left, reason);
		if (!sleep_while_kept_off(deadline, left / 1000 + 1))
			return false;
	}
	return true;
}

/* The same for what a start of the server may have taken from its holder. */
static bool
wait_while_started(const NamedLock *lock, const Deadline *deadline)
{
	int64		left;

	while ((left = unknown_until() - monotonic_us()) > 0)
	{
		announce_sleep(lock, left, SERVER_STARTED);
		if (!deadline_sleep(deadline, left / 1000 + 1))
			return false;
	}
	return true;
}

static void
end_wait(const NamedLock *lock)
{
	ConditionVariableCancelSleep();
	announce_delay_over(lock);
}

/* Have wait() wait, and take back what the others were told meanwhile. */
static bool
wait_announced(bool (*wait) (const NamedLock *, const Deadline *),
			   const NamedLock *lock, const Deadline *deadline)
{
	bool		in_time;

	PG_TRY();
	{
		in_time = wait(lock, deadline);
	}
	PG_CATCH();
	{
		end_wait(lock);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_wait(lock);
	return in_time;
}

/*
 * Having been granted the lock by the lock manager, wait until it is kept off
 * no longer.  Returns false when the deadline passed.  Meanwhile a label tells
 * the others.
 */
bool
wait_out_delay(const NamedLock *lock, const Deadline *deadline)
{
	DelayReason reason;

	return kept_off_until(lock, &reason) == 0 ||
		wait_announced(wait_while_kept_off, lock, deadline);
}

/*
 * The same for what a start of the server may have taken from its holder, with
 * a lock that stands for many.
 */
bool
wait_out_start(const NamedLock *lock, const Deadline *deadline)
{
	return unknown_until() == 0 || wait_announced(wait_while_started, lock, deadline);
}
