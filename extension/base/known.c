/*-------------------------------------------------------------------------
 *
 * known.c
 *	  The names that this session used lately.
 *
 * Sessions use the same few names again and again, and what follows from a
 * name always is the same: so it is found by the bytes of the argument, before
 * those are copied, checked, converted or hashed.
 *
 * A name has a place in any of the ways of its set.  The next to be replaced
 * in a set is the one that came into it first.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/known.h"

#define SETS 16					/* a power of 2 */
#define WAYS 8

typedef struct KnownSet
{
	KnownName	ways[WAYS];
	int			next;			/* to be replaced */
} KnownSet;

static KnownSet sets[SETS];

KnownName  *known_last = &sets[0].ways[0];

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
	return hash;
}

/* By the upper bits, in which all bytes have a share. */
static KnownSet *
set_of(uint64 hash)
{
	return &sets[hash >> 32 & (SETS - 1)];
}

/* The lock of a name that is remembered, until it is replaced; or NULL. */
const NamedLock *
find_known_name(const char *name, int length)
{
	uint64		hash;
	KnownName  *ways;

	if (length == 0 || length > KNOWN_NAME_BYTES)
		return NULL;
	hash = hash_name(name, length);
	ways = set_of(hash)->ways;
	for (KnownName *known = ways; known < ways + WAYS; known++)
	{
		if (known->hash == hash && is_known_name(known, name, length))
		{
			known_last = known;
			return &known->lock;
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
	KnownSet   *set;

	if (length > KNOWN_NAME_BYTES)
		return NULL;
	hash = hash_name(name, length);
	set = set_of(hash);
	known_last = &set->ways[set->next];
	set->next = (set->next + 1) % WAYS;
	*known_last = (KnownName) {.length = length, .hash = hash, .lock = *lock};
	memcpy(known_last->name, name, length);
	known_last->lock.name = known_last->name;
	known_last->lock.hints = &known_last->hints;
	return &known_last->hints;
}
