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
	NameId		id;
	LOCKTAG		tag;
	NameHints	hints;
} KnownName;

extern KnownName *find_known_name(const char *name, int length);
extern NameHints *remember_name(const char *name, int length, const NamedLock *lock);

#endif							/* KNOWN_H */
