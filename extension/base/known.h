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
	NamedLock	lock;			/* points to name and hints */
	NameHints	hints;
} KnownName;

/* The name that was asked for last: most often the one that is asked for next */
extern KnownName *known_last;

extern const NamedLock *find_known_name(const char *name, int length);
extern NameHints *remember_name(const char *name, int length, const NamedLock *lock);

/*
 * What memcmp() would tell, which is made for more bytes and takes longer to
 * begin.  Of fixed sizes the compiler knows better; that some are compared
 * twice does no harm.  length is not 0.
 */
static inline bool
same_name(const char *a, const char *b, int length)
{
	if (length < 4)
		return a[0] == b[0] && a[length / 2] == b[length / 2] && a[length - 1] == b[length - 1];
	if (length < 8)
		return memcmp(a, b, 4) == 0 && memcmp(a + length - 4, b + length - 4, 4) == 0;
	for (int i = 0; i < length - 8; i += 8)
	{
		if (memcmp(a + i, b + i, 8) != 0)
			return false;
	}
	return memcmp(a + length - 8, b + length - 8, 8) == 0;
}

/* Is it this name?  length is not 0. */
static inline bool
is_known_name(const KnownName *known, const char *name, int length)
{
	return known->length == length && same_name(known->name, name, length);
}

#endif							/* KNOWN_H */
