/*-------------------------------------------------------------------------
 *
 * evict.c
 *	  Making room for names in the registry.
 *
 * A hand goes round over two bitmaps with a bit for each place of a name.  It
 * takes the first name that is not busy, which is to say that no session has a
 * label for it, and that was not used since the hand came by the last time.
 * So it passes 64 names by one look, and most of all names may be held without
 * making it slow.
 *
 * What the bitmaps say is a hint.  The lock manager has the last word, and it
 * knows of those too who took the lock without this extension.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "storage/lock.h"

#include "base/compat.h"
#include "registry/evict.h"

/* How far one eviction goes at the most, in words of 64 names and in names */
#define MAX_WORDS 8192
#define MAX_LOOKS 64

static uint64
bit_of(Place place)
{
	return UINT64CONST(1) << ((place - 1) % 64);
}

static void
set_bit(pg_atomic_uint64 *bitmap, Place place)
{
	pg_atomic_fetch_or_u64(&bitmap[(place - 1) / 64], bit_of(place));
}

static bool
is_set(pg_atomic_uint64 *bitmap, Place place)
{
	return (pg_atomic_read_u64(&bitmap[(place - 1) / 64]) & bit_of(place)) != 0;
}

/* Nobody has pinned the name any more. */
void
evict_may(Registry *reg, Place place)
{
	if (!is_set(reg->recent, place))
		set_bit(reg->recent, place);
	pg_atomic_fetch_and_u64(&reg->busy[(place - 1) / 64], ~bit_of(place));
}

/* A session has, or there is no name in that place. */
void
evict_must_not(Registry *reg, Place place)
{
	set_bit(reg->busy, place);
}

/*
 * Make it so that nobody pins the name again; false if somebody has.  The
 * hint that it is not busy was out of date then, and is put right; unless that
 * is out of date by now.
 */
static bool
close_to_pins(Registry *reg, Place place, NameEntry *entry)
{
	uint32		none = 0;

	if (pg_atomic_compare_exchange_u32(&entry->users, &none, NO_NAME_HERE))
		return true;
	evict_must_not(reg, place);
	if (pg_atomic_read_u32(&entry->users) == 0)
		evict_may(reg, place);
	return false;
}

/* A name that may make way, in one word; 0 if there is none. */
static Place
candidate_in_word(Registry *reg, uint32 word)
{
	uint64		idle = ~pg_atomic_read_u64(&reg->busy[word]);
	uint64		unused;

	if (idle == 0)
		return 0;
	unused = idle & ~pg_atomic_read_u64(&reg->recent[word]);
	if (unused != 0)
		return word * 64 + pg_rightmost_one_pos64(unused) + 1;
	pg_atomic_fetch_and_u64(&reg->recent[word], ~idle);
	return 0;
}

/* Move the hand to the next name that may make way; 0 if there is none. */
static Place
next_candidate(Registry *reg)
{
	uint32		words = (reg->state->names.capacity + 63) / 64;
	uint32		word = pg_atomic_read_u32(&reg->state->hand);

	/* Twice round: the first time may only clear the marks of use. */
	for (uint32 i = 0; i <= 2 * words && i < MAX_WORDS; i++)
	{
		Place		place = candidate_in_word(reg, word);

		if (place != 0)
		{
			pg_atomic_write_u32(&reg->state->hand, word);
			return place;
		}
		word = (word + 1) % words;
	}
	pg_atomic_write_u32(&reg->state->hand, word);
	return 0;
}

/* Whose name is in a place?  False if there is none. */
static bool
read_id(Registry *reg, Place place, NameId *id)
{
	NameEntry  *entry = table_entry(&reg->names, place);
	uint32		hash = entry->link.hash;
	LWLock	   *lock = partition_lock(reg, hash);
	bool		found;

	LWLockAcquire(lock, LW_SHARED);
	found = table_linked(entry, hash);
	if (found)
		*id = entry->id;
	LWLockRelease(lock);
	return found;
}

/*
 * Does anybody hold or await the lock, but for looks at it?  We do not lock the
 * lock manager's table, and it changes the sum of requests and those of a mode
 * one after the other; so each mode is looked at by itself.
 */
static bool
is_requested(const LOCK *lock)
{
	for (LOCKMODE mode = AccessShareLock + 1; mode <= MaxLockMode; mode++)
	{
		if (lock->requested[mode] != 0)
			return true;
	}
	return false;
}

/*
 * Unlink an entry if it still has that name and nobody holds or awaits the
 * lock, by the lock manager's word.
 *
 * First comes that look, then the one at the pins: whoever is granted the lock
 * between the two has pinned the name, or finds that it is not known.
 */
static bool
unlink_if_unused(Registry *reg, NameEntry *entry, const NameId *id, const LOCK *lock)
{
	uint32		hash = lock_key_hash(id->database, &id->key);
	LWLock	   *partition = partition_lock(reg, hash);
	bool		unused;

	LWLockAcquire(partition, LW_EXCLUSIVE);
	unused = table_linked(entry, hash) && name_id_equal(&entry->id, id) &&
		!is_requested(lock) &&
		close_to_pins(reg, table_place(&reg->names, entry), entry);
	if (unused)
	{
		table_unlink(&reg->names, entry);
		evict_must_not(reg, table_place(&reg->names, entry));
	}
	LWLockRelease(partition);
	return unused;
}

/*
 * Remove the name in a place, if it is in nobody's use.
 *
 * To look at a single lock we have to take it: in AccessShareLock, a mode that
 * conflicts with none in which advisory locks can be taken, so that nobody is
 * kept off.  Whoever shows who holds a lock leaves that mode out.  It is taken
 * before the partition is locked, since it can run out of memory.
 */
static NameEntry *
evict_place(Registry *reg, Place place)
{
	NameEntry  *entry = table_entry(&reg->names, place);
	NameId		id;
	LOCKTAG		tag;
	LOCALLOCK  *local;
	bool		evicted = false;

	if (!read_id(reg, place, &id))
		return NULL;
	set_lock_tag(&tag, id.database, id.key);
	if (lock_acquire(&tag, AccessShareLock, true, true, false, &local) != LOCKACQUIRE_NOT_AVAIL)
	{
		evicted = unlink_if_unused(reg, entry, &id, local->lock);
		LockRelease(&tag, AccessShareLock, true);
	}
	if (!evicted)
	{
		set_bit(reg->recent, place);
		return NULL;
	}
	pg_atomic_fetch_add_u64(&reg->state->evicted, 1);
	return entry;
}

/*
 * Make room: the place of a name that made way, not linked; NULL if none did,
 * within a bounded search.  To be called with no entry locked.
 */
NameEntry *
evict_name(Registry *reg)
{
	for (int i = 0; i < MAX_LOOKS; i++)
	{
		Place		place = next_candidate(reg);
		NameEntry  *entry = place != 0 ? evict_place(reg, place) : NULL;

		if (place == 0 || entry)
			return entry;
	}
	return NULL;
}
