/*-------------------------------------------------------------------------
 *
 * names.c
 *	  The names in use and their statistics, in shared memory.
 *
 * There is room for advisory_lock.max_names.  When it is used up, a name that
 * nobody holds or awaits makes way for a new one; if there is none, then
 * locking goes on and the new name is just not known.
 *
 * An entry is locked by the lock of its partition, in which its namesakes are,
 * too.  While it is locked nothing may raise an error, allocate or wait.
 *
 * Who holds or awaits a lock has pinned its name.  A session that remembers
 * the place of a name pins it without locking anything, and looks afterwards
 * whether it is there: it is another's only if there was no pin.
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
#include "registry/names.h"

/* Names with one key have one hash, so that they can be found by it. */
uint32
name_hash(const NameId *id)
{
	return lock_key_hash(id->database, &id->key);
}

static bool
same_key(const NameId *a, const NameId *b)
{
	return a->database == b->database && lock_key_equal(&a->key, &b->key);
}

/* A lock that was taken by its key has an entry for statistics alone. */
static bool
has_name(const NameEntry *entry)
{
	return entry->name[0] != '\0';
}

/* The entry of a name, in a partition that is locked; or NULL. */
static NameEntry *
find(Registry *reg, const NameId *id)
{
	NameEntry  *entry = table_first(&reg->names, name_hash(id));

	while (entry && !name_id_equal(&entry->id, id))
		entry = table_next(&reg->names, entry);
	return entry;
}

/* The entry of another name with the same key, likewise. */
static NameEntry *
find_namesake(Registry *reg, const NameId *id)
{
	NameEntry  *entry = table_first(&reg->names, name_hash(id));

	while (entry && (!has_name(entry) || !same_key(&entry->id, id) || name_id_equal(&entry->id, id)))
		entry = table_next(&reg->names, entry);
	return entry;
}

/* The entry of any name with that key, likewise. */
static NameEntry *
find_by_key(Registry *reg, const NameId *id)
{
	NameEntry  *entry = table_first(&reg->names, name_hash(id));

	while (entry && (!has_name(entry) || !same_key(&entry->id, id)))
		entry = table_next(&reg->names, entry);
	return entry;
}

static void
lock_partition(Registry *reg, const NameId *id, LWLockMode mode)
{
	LWLockAcquire(partition_lock(reg, name_hash(id)), mode);
}

static void
unlock_partition(Registry *reg, const NameId *id)
{
	LWLockRelease(partition_lock(reg, name_hash(id)));
}

void
name_unlock(Registry *reg, const NameEntry *entry)
{
	unlock_partition(reg, &entry->id);
}

/* Begin the statistics of a name anew. */
void
reset_name_statistics(NameEntry *entry)
{
	pg_atomic_write_u64(&entry->last_acquired_at, 0);
	pg_atomic_write_u64(&entry->acquisitions, 0);
	pg_atomic_write_u64(&entry->total_hold, 0);
	pg_atomic_write_u64(&entry->max_hold, 0);
	entry->waits = entry->timeouts = entry->total_wait = entry->max_wait = 0;
	entry->stats_since = GetCurrentTimestamp();
}

/* Only a server encoding longer than UTF-8 can make it not fit. */
static void
set_entry_name(NameEntry *entry, const char *name)
{
	size_t		length = strlen(name);

	if (length >= NAME_ROOM)
		length = pg_mbcliplen(name, length, NAME_ROOM - 1);
	memcpy(entry->name, name, length);
	entry->name[length] = '\0';
}

static void
fill_entry(NameEntry *entry, const NamedLock *lock)
{
	entry->id = lock->id;
	entry->role = GetUserId();	/* before anybody finds it */
	entry->has_namesake = false;
	reset_name_statistics(entry);

	set_entry_name(entry, lock->name ? lock->name : "");
}

/* A place for a new name, not linked; NULL if there is none. */
static NameEntry *
make_room(Registry *reg)
{
	NameEntry  *entry = table_take(&reg->names);

	if (!entry)
		entry = evict_name(reg);
	if (entry)
		pg_atomic_fetch_or_u32(&entry->users, NO_NAME_HERE);
	else
		pg_atomic_fetch_add_u64(&reg->state->untracked, 1);
	return entry;
}

static void
link_entry(Registry *reg, NameEntry *entry)
{
	NameEntry  *namesake = has_name(entry) ? find_by_key(reg, &entry->id) : NULL;

	if (namesake)
		namesake->has_namesake = entry->has_namesake = true;
	table_link(&reg->names, entry, name_hash(&entry->id));
	evict_may(reg, table_place(&reg->names, entry));
	pg_atomic_fetch_and_u32(&entry->users, ~NO_NAME_HERE);
}

/* The entry of a name that was not known just now, locked; NULL without room. */
static NameEntry *
insert_name(Registry *reg, const NamedLock *lock)
{
	NameEntry  *entry = make_room(reg);
	NameEntry  *found;

	if (!entry)
		return NULL;
	fill_entry(entry, lock);
	lock_partition(reg, &lock->id, LW_EXCLUSIVE);
	found = find(reg, &lock->id);
	if (!found)
	{
		link_entry(reg, entry);
		return entry;
	}
	table_give_back(&reg->names, entry);	/* somebody was faster */
	return found;
}

/* The entry of a name, locked; NULL if it is not known. */
NameEntry *
name_find(Registry *reg, const NameId *id)
{
	NameEntry  *entry;

	lock_partition(reg, id, LW_EXCLUSIVE);
	entry = find(reg, id);
	if (!entry)
		unlock_partition(reg, id);
	return entry;
}

/*
 * The entry of a name that is used by this session, made if need be, locked.
 * NULL if it is not known and there is no room.
 */
static NameEntry *
name_enter(Registry *reg, const NamedLock *lock)
{
	NameEntry  *entry = name_find(reg, &lock->id);

	return entry ? entry : insert_name(reg, lock);
}

/* Pin an entry; what the count was. */
static inline uint32
pin(Registry *reg, NameEntry *entry, Place place)
{
	uint32		users = pg_atomic_fetch_add_u32(&entry->users, 1);

	if (users == 0)
		evict_must_not(reg, place);
	return users;
}

/* Let go of a name that was pinned; 0 is no place. */
void
name_unpin(Registry *reg, Place place)
{
	NameEntry  *entry = name_in(reg, place);

	if (entry && pg_atomic_fetch_sub_u32(&entry->users, 1) == 1)
		evict_may(reg, place);
}

/* Pin the name of a lock where it was last; returns the place, or 0. */
Place
name_pin_known(Registry *reg, const NamedLock *lock)
{
	Place		place = lock->hints ? lock->hints->place : 0;
	NameEntry  *entry = name_in(reg, place);

	if (!entry)
		return 0;
	if ((pin(reg, entry, place) & NO_NAME_HERE) == 0 && name_id_equal(&entry->id, &lock->id))
	{
		entry->role = GetUserId();
		return place;
	}
	name_unpin(reg, place);
	return 0;
}

/* The same for a name whose place is not known, made if need be. */
static Place
pin_unknown(Registry *reg, const NamedLock *lock)
{
	NameEntry  *entry = name_enter(reg, lock);
	Place		place;

	if (!entry)
		return 0;
	place = table_place(&reg->names, entry);
	pin(reg, entry, place);
	entry->role = GetUserId();
	name_unlock(reg, entry);
	return place;
}

/*
 * Keep the name of a lock, which this session uses, from being evicted; made
 * known if need be.  Returns its place; 0 if it is not known and there is no
 * room.
 */
Place
name_pin(Registry *reg, const NamedLock *lock)
{
	Place		place = name_pin_known(reg, lock);

	if (place != 0)
		return place;
	place = pin_unknown(reg, lock);
	if (lock->hints)
		lock->hints->place = place;
	return place;
}

/* A copy of the entry in a place; false if there is none. */
bool
name_copy(Registry *reg, Place place, NameEntry *copy)
{
	NameEntry  *entry = table_entry(&reg->names, place);
	uint32		hash = entry->link.hash;
	LWLock	   *lock = partition_lock(reg, hash);
	bool		found;

	LWLockAcquire(lock, LW_SHARED);
	found = table_linked(entry, hash);
	if (found)
		*copy = *entry;
	LWLockRelease(lock);
	return found;
}

/* Copy what an entry, if there is one, says of the name; unlocks the partition. */
static char *
copy_and_unlock(Registry *reg, const NameId *id, const NameEntry *entry, Oid *role)
{
	char		name[NAME_ROOM];
	bool		copied = entry && has_name(entry);

	if (copied)
	{
		strlcpy(name, entry->name, NAME_ROOM);
		*role = entry->role;
	}
	unlock_partition(reg, id);
	return copied ? pstrdup(name) : NULL;
}

/* The name that belongs to an identity, palloc'd; NULL if it is not known. */
char *
name_by_id(Registry *reg, const NameId *id, Oid *role)
{
	lock_partition(reg, id, LW_SHARED);
	return copy_and_unlock(reg, id, find(reg, id), role);
}

/* A name that belongs to a key of this database, palloc'd, or NULL. */
char *
name_by_key(Registry *reg, LockKey key, Oid *role)
{
	NameId		id = {.database = MyDatabaseId, .key = key};

	lock_partition(reg, &id, LW_SHARED);
	return copy_and_unlock(reg, &id, find_by_key(reg, &id), role);
}

/* Another name with the same key, palloc'd, or NULL. */
char *
name_of_namesake(Registry *reg, const NameId *id)
{
	Oid			role;

	lock_partition(reg, id, LW_SHARED);
	return copy_and_unlock(reg, id, find_namesake(reg, id), &role);
}
