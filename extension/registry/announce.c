/*-------------------------------------------------------------------------
 *
 * announce.c
 *	  What locking tells the other sessions, through the registry.
 *
 * Nothing here raises an error, allocates or waits; except that
 * announce_begin() may, before anything is locked, and that a warning is given
 * of two names with one key.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "registry/announce.h"
#include "registry/names.h"

/* The registry, for names and statistics; NULL if they are not wanted. */
static Registry *
tracking_registry(void)
{
	return track ? registry() : NULL;
}

/*
 * Make ready, before the first lock is taken.  What is registered for the end
 * of the session after this can still use the registry then.
 */
void
announce_begin(void)
{
	Registry   *reg = registry_attach();

	if (reg)
		board_open(reg);
}

/* Two names, one key: they exclude each other, which somebody should know. */
static void
warn_of_namesake(Registry *reg, const NamedLock *lock)
{
	char	   *other = name_of_namesake(reg, &lock->id);

	if (other)
		warn_of_collision(other, lock->name);
}

/* The entry of a name, locked; NULL if it is not known, or nothing is. */
static NameEntry *
known_name(Registry *reg, const NameId *id)
{
	return reg ? name_find(reg, id) : NULL;
}

static bool
has_namesake(Registry *reg, Place place)
{
	return place != 0 && name_in(reg, place)->has_namesake;
}

/*
 * Put up this session's label for a lock, in place of an earlier one.  Name
 * and role are filled in.  The name in that place is kept until the label is
 * taken down.
 */
static void
put_label(Registry *reg, const NamedLock *lock, Label contents)
{
	Label	   *label = label_find(reg, &lock->id.key);
	Place		unpin = label ? label->place : 0;

	contents.name = lock->id;
	contents.role = GetUserId();
	if (label)
		label_write(reg, label, &contents);
	else if (!label_put(reg, &contents))
		unpin = contents.place;
	name_unpin(reg, unpin);
}

/* The session is going to wait for a lock; held: it holds it in another mode. */
void
announce_wanted(const NamedLock *lock, bool held)
{
	Registry   *reg = tracking_registry();
	Place		place;
	bool		warn;

	if (!reg)
		return;
	place = name_pin(reg, lock);
	warn = has_namesake(reg, place);
	if (held)
		name_unpin(reg, place); /* the label tells of what it holds */
	else
		put_label(reg, lock, (Label) {.place = place});
	if (warn)
		warn_of_namesake(reg, lock);
}

/* That wait has ended, whatever came of it. */
void
announce_waited(const NamedLock *lock, bool held, int64 wait_us)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = known_name(reg, &lock->id);

	if (entry)
	{
		entry->waits++;
		entry->total_wait += wait_us;
		entry->max_wait = Max(entry->max_wait, wait_us);
		name_unlock(reg, entry);
	}
	if (!held)
		announce_nothing_held(&lock->id);
}

/*
 * The lock was granted, but is kept off from the session until then.  What is
 * told of a weaker mode that it holds stays.
 */
void
announce_delayed(const NamedLock *lock, TimestampTz until, DelayReason reason)
{
	Registry   *reg = tracking_registry();
	Label	   *held = reg ? label_find(reg, &lock->id.key) : NULL;

	if (reg)
		put_label(reg, lock, (Label) {
			.place = name_pin(reg, lock),
			.acquired_at = held ? held->acquired_at : 0, .token = held ? held->token : 0,
			.delayed_until = until, .delay_reason = reason
		});
}

/* It is kept off no longer, or the session waits for that no longer. */
void
announce_delay_over(const NamedLock *lock)
{
	Registry   *reg = registry();
	Label	   *label = reg ? label_find(reg, &lock->id.key) : NULL;
	Label		contents;

	if (!label)
		return;
	contents = *label;
	contents.delayed_until = 0;
	contents.delay_reason = NOT_DELAYED;
	if (label->acquired_at == 0)
		name_unpin(reg, label_remove(reg, label));
	else
		label_write(reg, label, &contents);
}

static void
count_acquisition(NameEntry *entry, TimestampTz at)
{
	pg_atomic_fetch_add_u64(&entry->acquisitions, 1);
	pg_atomic_write_u64(&entry->last_acquired_at, at);
}

/*
 * The lock was acquired, and has that token; held: it was held before, in
 * whatever mode; waited: announce_wanted() came before.
 */
void
announce_acquired(const NamedLock *lock, int64 token, bool held, bool waited)
{
	Registry   *reg = tracking_registry();
	TimestampTz now;
	Place		place;
	bool		warn;

	if (!reg)
		return;
	now = GetCurrentTimestamp();
	place = name_pin(reg, lock);
	if (place != 0 && !held)
		count_acquisition(name_in(reg, place), now);
	warn = !held && !waited && has_namesake(reg, place);
	put_label(reg, lock, (Label) {.place = place, .acquired_at = now, .token = token});
	if (warn)
		warn_of_namesake(reg, lock);
}

/*
 * The same of a lock of which this session tells nothing yet, where the name is
 * known and no other has its key.  False where that is not so, or there is no
 * room for a label: then nothing was announced.
 */
bool
announce_acquired_at_once(const NamedLock *lock, int64 token)
{
	Registry   *reg = tracking_registry();
	Place		place = reg ? name_pin_known(reg, lock) : 0;
	Label		label = {
		.name = lock->id, .place = place, .role = GetUserId(), .token = token
	};

	if (place == 0)
		return false;
	label.acquired_at = GetCurrentTimestamp();
	if (has_namesake(reg, place) || !label_put(reg, &label))
	{
		name_unpin(reg, place);
		return false;
	}
	count_acquisition(name_in(reg, place), label.acquired_at);
	return true;
}

/* An acquire was given up, since the time ran out. */
void
announce_timed_out(const NamedLock *lock)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = known_name(reg, &lock->id);

	if (!entry)
		return;
	entry->timeouts++;
	name_unlock(reg, entry);
}

static void
count_hold(NameEntry *entry, int64 hold_us)
{
	uint64		max = pg_atomic_read_u64(&entry->max_hold);

	pg_atomic_fetch_add_u64(&entry->total_hold, hold_us);
	while (max < (uint64) hold_us &&
		   !pg_atomic_compare_exchange_u64(&entry->max_hold, &max, hold_us))
		;
}

/* The same of a name that the session has not pinned. */
static pg_noinline void
count_hold_of(const NameId *id, int64 hold_us)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = known_name(reg, id);

	if (!entry)
		return;
	count_hold(entry, hold_us);
	name_unlock(reg, entry);
}

/* The session holds the lock no longer, in any mode. */
void
announce_released(const NameId *id, int64 hold_us)
{
	Registry   *reg = registry();
	Place		place = reg ? label_take_down(reg, &id->key) : 0;

	if (place == 0)
	{
		count_hold_of(id, hold_us);
		return;
	}
	if (track)
		count_hold(name_in(reg, place), hold_us);
	name_unpin(reg, place);
}

/* Nothing is to be told of the lock any more: take back what was. */
void
announce_nothing_held(const NameId *id)
{
	Registry   *reg = registry();

	if (reg)
		name_unpin(reg, label_take_down(reg, &id->key));
}

/* Some key is kept off no longer: wake who waits for that. */
void
announce_let_in(void)
{
	Registry   *reg = registry();

	if (reg)
		ConditionVariableBroadcast(&reg->state->let_in);
}

/*
 * Sleep for so many ms, or until some key is let in.  There must be a
 * registry.  The first call of a series returns at once, so that what came
 * before it is not missed; the caller ends the series by
 * ConditionVariableCancelSleep().
 */
void
await_let_in(int ms)
{
	(void) ConditionVariableTimedSleep(&registry()->state->let_in, ms, PG_WAIT_EXTENSION);
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
