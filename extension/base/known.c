/*-------------------------------------------------------------------------
 *
 * known.c
 *	  The names that this session used lately.
 *
 * Sessions use the same few names again and again, and what follows from a
 * name always is the same: so it is found by the bytes of the argument, before
 * those are copied, checked, converted or hashed.
 *
 * A name has a place in any of the ways of its set.  When all are taken, any of
 * those there makes way: not the oldest, or a session that uses one name more
 * than there are ways, in turn, would find none of them.  If many have to make
 * way, then there is room for more, up to a limit.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/known.h"

/* Powers of 2.  Most sessions use few names; memory for the most is 1.3 MB. */
#define FEW_SETS 16
#define MOST_SETS 1024
#define GROWTH 8
#define WAYS 8

static uint64 few_hashes[FEW_SETS * WAYS];
static KnownName few_names[FEW_SETS * WAYS];

/* Side by side, to be looked through at once; 0: no name */
static uint64 *hashes = few_hashes;
static KnownName *names = few_names;
static int	sets = FEW_SETS;

/* How many names have made way for others since there was room for so many */
static uint32 replaced = 0;

KnownName  *known_last = &few_names[0];

/* Names are short, and what they differ in may be anywhere in them. */
static uint64
hash_name(const char *name, int length)
{
	const uint64 odd = UINT64CONST(0x9e3779b97f4a7c15);
	uint64		hash = length;
	uint64		word;

	for (; length >= (int) sizeof(word); name += sizeof(word), length -= sizeof(word))
	{
		memcpy(&word, name, sizeof(word));
		hash = (hash ^ word) * odd;
		hash ^= hash >> 32;
	}
	for (; length > 0; name++, length--)
		hash = (hash ^ (uint8) *name) * odd;
	return hash | 1;
}

/* The first way of its set: by the upper bits, in which all bytes have a share. */
static int
first_way(uint64 hash)
{
	return (hash >> 32 & (sets - 1)) * WAYS;
}

/*
 * Make room for more names, if there is memory for it.  What was remembered is
 * not any more, but stays where it is: there may be pointers to it.
 */
static void
grow(void)
{
	int			ways = GROWTH * sets * WAYS;
	uint64	   *more_hashes = MemoryContextAllocExtended(TopMemoryContext, ways * sizeof(uint64),
														 MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	KnownName  *more_names = MemoryContextAllocExtended(TopMemoryContext, ways * sizeof(KnownName),
														MCXT_ALLOC_NO_OOM);

	replaced = 0;
	if (more_hashes && more_names)
	{
		hashes = more_hashes;
		names = more_names;
		sets *= GROWTH;
		return;
	}
	if (more_hashes)
		pfree(more_hashes);
	if (more_names)
		pfree(more_names);
}

/* The way for a new name. */
static int
way_for(uint64 hash)
{
	int			first;

	if (replaced > (uint32) sets * WAYS && sets < MOST_SETS)
		grow();
	first = first_way(hash);
	for (int i = first; i < first + WAYS; i++)
	{
		if (hashes[i] == 0)
			return i;
	}
	return first + replaced++ % WAYS;
}

/* The lock of a name that is remembered, until it is replaced; or NULL. */
const NamedLock *
find_known_name(const char *name, int length)
{
	uint64		hash;
	int			first;

	if (length == 0 || length > KNOWN_NAME_BYTES)
		return NULL;
	hash = hash_name(name, length);
	first = first_way(hash);
	for (int i = first; i < first + WAYS; i++)
	{
		if (hashes[i] == hash && is_known_name(&names[i], name, length))
		{
			known_last = &names[i];
			return &known_last->lock;
		}
	}
	return NULL;
}

/*
 * Remember a name that was not, with what follows from it, in place of
 * another.  Returns where hints are kept; NULL if it is too long.
 */
NameHints *
remember_name(const char *name, int length, const NamedLock *lock)
{
	uint64		hash;
	int			way;

	if (length > KNOWN_NAME_BYTES)
		return NULL;
	hash = hash_name(name, length);
	way = way_for(hash);
	hashes[way] = hash;
	known_last = &names[way];
	*known_last = (KnownName) {.length = length, .lock = *lock};
	memcpy(known_last->name, name, length);
	known_last->lock.name = known_last->name;
	known_last->lock.hints = &known_last->hints;
	return &known_last->hints;
}
