/*-------------------------------------------------------------------------
 *
 * key.h
 *	  Names, their keys, and the lock tag.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef KEY_H
#define KEY_H

#include "storage/lock.h"

/* Bytes of a name, counted in UTF-8 */
#define MAX_NAME_BYTES 1024

/* The key spaces of core's advisory locks, by the number that tells them apart */
#define KEY_BIGINT 1			/* pg_advisory_lock(int8) */
#define KEY_PAIR 2				/* pg_advisory_lock(int4, int4) */

/* What an advisory lock is known by in its database; no padding, it is hashed and compared */
typedef struct LockKey
{
	int32		key1;			/* of a bigint the upper half */
	int32		key2;			/* and the lower */
	uint32		kind;			/* KEY_BIGINT or KEY_PAIR */
} LockKey;

/* Tells names apart whose keys are the same; no padding either */
typedef struct NameId
{
	Oid			database;
	LockKey		key;
	uint32		more[2];		/* the next bytes of the SHA-256 */
} NameId;

/*
 * What the rooms above found out about a name when they met it last.  They do
 * not trust it: each tells in its own way whether it is still so.
 */
typedef struct NameHints
{
	struct HeldLock *held;		/* see held.c */
	uint32		place;			/* in the registry; 0: not known */
} NameHints;

/* A checked name, or a key without one, with all that follows from it */
typedef struct NamedLock
{
	const char *name;			/* in the database encoding, palloc'd; NULL: none */
	NameHints  *hints;			/* NULL: none are kept */
	NameId		id;
	LOCKTAG		tag;
} NamedLock;

extern void named_lock_init(NamedLock *lock, const char *name);
extern void named_lock_init_text(NamedLock *lock, const text *name);
extern void named_lock_init_brief(NamedLock *lock, const text *name);
extern void named_lock_init_key(NamedLock *lock, LockKey key);
extern LockKey key_of_bigint(int64 number);
extern int64 bigint_of_key(LockKey key);
extern void set_lock_tag(LOCKTAG *tag, Oid database, LockKey key);
extern bool lock_tag_key(const LOCKTAG *tag, Oid *database, LockKey *key);
extern int	lock_key_cmp(const LockKey *a, const LockKey *b);
extern uint32 lock_key_hash(Oid database, const LockKey *key);
extern void warn_of_collision(const char *known, const char *wanted);

static inline bool
lock_key_equal(const LockKey *a, const LockKey *b)
{
	return memcmp(a, b, sizeof(LockKey)) == 0;
}

static inline bool
name_id_equal(const NameId *a, const NameId *b)
{
	return memcmp(a, b, sizeof(NameId)) == 0;
}

#endif							/* KEY_H */
