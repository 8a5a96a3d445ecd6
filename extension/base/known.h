/*-------------------------------------------------------------------------
 *
 * known.h
 *	  The names that this session used lately.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "base/key.h"

/* Longer names are not remembered */
#define KNOWN_NAME_BYTES 63

/* A checked name, and what follows from it */
typedef struct KnownName
{
	char		name[KNOWN_NAME_BYTES + 1]; /* in the database encoding */
	int			length;			/* 0: none */
	uint64		hash;
	NamedLock	lock;			/* points to name and hints */
	NameHints	hints;
} KnownName;

/* The name that was asked for last: most often the one that is asked for next */
extern KnownName *known_last;

extern const NamedLock *find_known_name(const char *name, int length);
extern NameHints *remember_name(const char *name, int length, const NamedLock *lock);

/* Is it this name?  length is not 0. */
static inline bool
is_known_name(const KnownName *known, const char *name, int length)
{
	return known->length == length && memcmp(known->name, name, length) == 0;
}

#endif							/* KNOWN_H */
