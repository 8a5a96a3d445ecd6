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

#include "fmgr.h"
#include "storage/lock.h"

/* Bytes of a name, counted in UTF-8 */
#define MAX_NAME_BYTES 1024

/* The two int4 of pg_advisory_lock(int4, int4) */
typedef struct LockKey
{
	int32		key1;
	int32		key2;
} LockKey;

/* Tells names apart whose keys are the same; no padding, it is hashed */
typedef struct NameId
{
	Oid			database;
	LockKey		key;
	uint32		more[2];		/* the next bytes of the SHA-256 */
} NameId;

/* A checked name with all that follows from it */
typedef struct NamedLock
{
	const char *name;			/* in the database encoding, palloc'd */
	NameId		id;
	LOCKTAG		tag;
} NamedLock;

extern void named_lock_init(NamedLock *lock, const char *name);
extern void named_lock_init_text(NamedLock *lock, const text *name);
extern NamedLock named_lock_arg(FunctionCallInfo fcinfo, int argno);
extern bool lock_tag_key(const LOCKTAG *tag, Oid *database, LockKey *key);
extern int	lock_key_cmp(const LockKey *a, const LockKey *b);
extern void warn_of_collision(const char *known, const char *wanted);

#endif							/* KEY_H */
