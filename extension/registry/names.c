/*-------------------------------------------------------------------------
 *
 * names.c
 *	  The names in use and their statistics, in shared memory.
 *
 * There is room for advisory_lock.max_names.  When it is used up, names that
 * nobody holds or awaits, by the live lock table, make way; if that is not
 * enough, then locking goes on and the name is just not known.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "registry/evict.h"
#include "registry/label.h"
#include "registry/names.h"
#include "base/settings.h"

/* Reserve the room for one name. */
static bool
reserve_room(Registry *reg)
{
	for (int tries = 0; tries < 2; tries++)
	{
		if (pg_atomic_fetch_add_u32(&reg->state->names, 1) < (uint32) max_names)
			return true;
		pg_atomic_fetch_sub_u32(&reg->state->names, 1);
		if (tries == 0)
			evict_names(reg);
	}
	pg_atomic_fetch_add_u64(&reg->state->untracked, 1);
	return false;
}

static void
reset_counters(NameEntry *entry)
{
	MemSet(&entry->acquisitions, 0,
		   offsetof(NameEntry, stats_since) - offsetof(NameEntry, acquisitions));
	entry->stats_since = GetCurrentTimestamp();
}

static void
init_entry(NameEntry *entry, const NamedLock *lock)
{
	entry->holder = 0;
	entry->token = 0;
	entry->last_acquired_at = 0;
	reset_counters(entry);

	/* Only a server encoding longer than UTF-8 can make it not fit. */
	strlcpy(entry->name, lock->name,
			1 + pg_mbcliplen(lock->name, strlen(lock->name), NAME_ROOM - 1));
}

/* Mark another name with the same key, if there is one. */
static bool
mark_namesake(Registry *reg, const NameId *id)
{
	NameEntry  *other = dshash_find(reg->namesakes, id, true);

	if (!other)
		return false;
	other->has_namesake = true;
	dshash_release_lock(reg->namesakes, other);
	return true;
}

/* The entry of a name that is not known yet, locked; NULL without room. */
static NameEntry *
insert_name(Registry *reg, const NamedLock *lock)
{
	bool		has_namesake;
	bool		found;
	NameEntry  *entry;

	if (!reserve_room(reg))
		return NULL;
	has_namesake = mark_namesake(reg, &lock->id);
	entry = dshash_find_or_insert(reg->names, &lock->id, &found);
	if (found)
		pg_atomic_fetch_sub_u32(&reg->state->names, 1); /* somebody was faster */
	else
	{
		init_entry(entry, lock);
		entry->has_namesake = has_namesake;
	}
	return entry;
}

/* The entry of a name, made if need be, locked and marked as used. */
static NameEntry *
use_name(Registry *reg, const NamedLock *lock)
{
	uint32		round = pg_atomic_read_u32(&reg->state->evict_round);
	NameEntry  *entry = dshash_find(reg->names, &lock->id, true);

	if (!entry)
		entry = insert_name(reg, lock);
	if (entry)
	{
		entry->role = GetUserId();
		entry->round = round;
	}
	return entry;
}

/* A copy of the name in an entry of one of the tables, or NULL. */
static char *
copy_name(dshash_table *table, const NameId *id)
{
	NameEntry  *entry = dshash_find(table, id, false);
	char		name[NAME_ROOM];

	if (!entry)
		return NULL;
	strlcpy(name, entry->name, NAME_ROOM);
	dshash_release_lock(table, entry);
	return pstrdup(name);
}

/* Two names, one key: they exclude each other, which somebody should know. */
static void
warn_of_namesake(Registry *reg, const NamedLock *lock)
{
	char	   *other = copy_name(reg->namesakes, &lock->id);

	if (other)
		warn_of_collision(other, lock->name);
}

/* Note that the session is going to wait. */
void
name_wanted(const NamedLock *lock)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry;
	bool		has_namesake;

	if (!reg || (entry = use_name(reg, lock)) == NULL)
		return;
	has_namesake = entry->has_namesake;
	dshash_release_lock(reg->names, entry);
	if (has_namesake)
		warn_of_namesake(reg, lock);
}

/*
 * Note that the session now holds the lock, by the lock manager's word.  warn:
 * it did not wait, so name_wanted() has not been called.  Returns whether that
 * tells the others everything: the entry has room for one holder.
 */
bool
name_acquired(const NamedLock *lock, LOCKMODE mode, TimestampTz now, int64 token, bool warn)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry;
	bool		has_namesake;

	if (!reg || (entry = use_name(reg, lock)) == NULL)
		return false;
	entry->acquisitions++;
	entry->last_acquired_at = now;
	has_namesake = entry->has_namesake;
	entry->holder = mode == ExclusiveLock && !has_namesake ? MyProcPid : 0;
	entry->token = token;
	dshash_release_lock(reg->names, entry);
	if (has_namesake && warn)
		warn_of_namesake(reg, lock);
	return mode == ExclusiveLock && !has_namesake;
}

/* The entry of a name, locked, if there is one. */
static NameEntry *
find_name(Registry *reg, const NameId *id)
{
	return reg ? dshash_find(reg->names, id, true) : NULL;
}

/* Note that a wait has ended, whatever came of it. */
void
name_waited(const NamedLock *lock, int64 wait)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = find_name(reg, &lock->id);

	if (!entry)
		return;
	entry->waits++;
	entry->total_wait += wait;
	entry->max_wait = Max(entry->max_wait, wait);
	dshash_release_lock(reg->names, entry);
}

/* Note that an acquire was given up, since the time ran out. */
void
name_timed_out(const NamedLock *lock)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = find_name(reg, &lock->id);

	if (!entry)
		return;
	entry->timeouts++;
	dshash_release_lock(reg->names, entry);
}

/* Note that the session no longer holds the lock, in any mode. */
void
name_released(const NameId *id, int64 hold)
{
	Registry   *reg = tracking_registry();
	NameEntry  *entry = find_name(reg, id);

	if (!entry)
		return;
	if (entry->holder == MyProcPid)
		entry->holder = 0;
	entry->total_hold += hold;
	entry->max_hold = Max(entry->max_hold, hold);
	dshash_release_lock(reg->names, entry);
}

/* Is the entry about that holder?  Then fill his label; releases the lock. */
static bool
label_from_entry(dshash_table *table, NameEntry *entry, int pid, Label *label)
{
	bool		found = entry->holder == pid;

	label->name = entry->id;
	label->acquired_at = entry->last_acquired_at;
	label->delayed_until = 0;
	label->token = entry->token;
	dshash_release_lock(table, entry);
	return found;
}

/*
 * What there would be in the label of a session that is the one holder of a
 * name with that key; false if it is not.  The name can have got a namesake
 * since, so there may be two to look at.
 */
bool
name_holder(LockKey key, int pid, Label *label)
{
	Registry   *reg = registry();
	NameId		id = {.database = MyDatabaseId, .key = key};
	NameEntry  *entry = reg ? dshash_find(reg->names_by_key, &id, false) : NULL;

	if (!entry)
		return false;
	if (label_from_entry(reg->names_by_key, entry, pid, label))
		return true;
	id = label->name;
	entry = dshash_find(reg->namesakes, &id, false);
	return entry && label_from_entry(reg->namesakes, entry, pid, label);
}

/* The name that belongs to an identity, palloc'd; NULL if it is not known. */
char *
name_by_id(const NameId *id)
{
	return copy_name(registry()->names, id);
}

/* A name that belongs to a key of this database, palloc'd, or NULL. */
char *
name_by_key(LockKey key)
{
	NameId		id = {.database = MyDatabaseId, .key = key};

	return copy_name(registry()->names_by_key, &id);
}

/*
 * The names of this database that are known, palloc'd.  Those that come up
 * while it looks may be missing.
 */
NameId *
names_of_database(int *count)
{
	Registry   *reg = registry();
	int			room = pg_atomic_read_u32(&reg->state->names);
	NameId	   *ids = palloc(Max(room, 1) * sizeof(NameId));
	dshash_seq_status scan;
	NameEntry  *entry;

	*count = 0;
	dshash_seq_init(&scan, reg->names, false);
	while (*count < room && (entry = dshash_seq_next(&scan)) != NULL)
	{
		if (entry->id.database == MyDatabaseId)
			ids[(*count)++] = entry->id;
	}
	dshash_seq_term(&scan);
	return ids;
}

/* A copy of a name's entry; false if there is none. */
bool
name_statistics(const NameId *id, NameEntry *copy)
{
	Registry   *reg = registry();
	NameEntry  *entry = dshash_find(reg->names, id, false);

	if (!entry)
		return false;
	*copy = *entry;
	dshash_release_lock(reg->names, entry);
	return true;
}

/* Begin the statistics of a name anew, if it is known. */
void
reset_name_statistics(const NameId *id)
{
	Registry   *reg = registry();
	NameEntry  *entry = dshash_find(reg->names, id, true);

	if (!entry)
		return;
	reset_counters(entry);
	dshash_release_lock(reg->names, entry);
}
