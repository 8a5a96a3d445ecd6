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

#include "common/hashfn.h"

#include "base/known.h"

#define SETS 16
#define WAYS 8

typedef struct KnownSet
{
	KnownName	ways[WAYS];
	int			next;			/* to be replaced */
} KnownSet;

static KnownSet sets[SETS];

/* Most often the name asked for is the one that was asked for last. */
static KnownName *last = &sets[0].ways[0];

static bool
is_name(const KnownName *known, const char *name, int length)
{
	return known->length == length && length > 0 && memcmp(known->name, name, length) == 0;
}

static KnownSet *
set_of(const char *name, int length)
{
	return &sets[hash_bytes((const unsigned char *) name, length) % SETS];
}

/* The name, if it is remembered; or NULL. */
KnownName *
find_known_name(const char *name, int length)
{
	KnownSet   *set;

	if (is_name(last, name, length))
		return last;
	if (length > KNOWN_NAME_BYTES)
		return NULL;
	set = set_of(name, length);
	for (int i = 0; i < WAYS; i++)
	{
		if (is_name(&set->ways[i], name, length))
			return last = &set->ways[i];
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
	KnownSet   *set = set_of(name, length);

	if (length > KNOWN_NAME_BYTES)
		return NULL;
	last = &set->ways[set->next];
	set->next = (set->next + 1) % WAYS;
	*last = (KnownName) {.length = length, .id = lock->id, .tag = lock->tag};
	memcpy(last->name, name, length);
	return &last->hints;
}
