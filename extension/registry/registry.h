/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  The shared memory in which names are known to all sessions.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "datatype/timestamp.h"
#include "lib/dshash.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "base/key.h"

/* A name of 1024 bytes with the suffix of a permit, in any encoding */
#define NAME_ROOM (MAX_NAME_BYTES + 16)

/* Counters and tables that are not in a hash table of their own */
typedef struct RegistryState
{
	int			tranche;
	LWLock		evict_lock;		/* one session at a time makes room */
	pg_atomic_uint32 evict_round;
	pg_atomic_uint32 names;		/* entries in the table of names */
	pg_atomic_uint32 delays;	/* entries in the table of delays */
	pg_atomic_uint64 full_until;	/* no use in looking for room before */
	pg_atomic_uint64 evicted;	/* names removed to make room */
	pg_atomic_uint64 untracked; /* acquires of names there was no room for */
	ConditionVariable released; /* some permit was released */

	dshash_table_handle names_handle;
	dshash_table_handle labels_handle;
	dshash_table_handle delays_handle;
	dshash_table_handle token_blocks_handle;

	/* The area in which the hash tables live; it grows as they do. */
	char		area[FLEXIBLE_ARRAY_MEMBER];
} RegistryState;

/* What this session knows of it */
typedef struct Registry
{
	RegistryState *state;
	dshash_table *names;		/* NameEntry by NameId */
	dshash_table *names_by_key; /* the same table: any name with that key */
	dshash_table *namesakes;	/* the same: another name with that key */
	dshash_table *labels;		/* Label by LabelId */
	dshash_table *delays;		/* Delay by DelayId */
	dshash_table *token_blocks; /* TokenBlock by database */
} Registry;

/* Which session a label belongs to; no padding, it is hashed */
typedef struct LabelId
{
	Oid			database;
	LockKey		key;
	int			pid;
} LabelId;

/* Which key is kept off; no padding, it is hashed */
typedef struct DelayId
{
	Oid			database;
	LockKey		key;
} DelayId;

extern void registry_preload(void);
extern Registry *registry(void);
extern Registry *tracking_registry(void);
extern Registry *registry_or_error(void);

#endif							/* REGISTRY_H */
