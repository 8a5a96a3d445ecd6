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

#include "registry/layout.h"

/* Where things are in this process */
typedef struct Registry
{
	RegistryState *state;
	TableAccess names;			/* of NameEntry */
	TableAccess labels;			/* of Label */
	TableAccess delays;			/* of Delay */
	BoardRow   *board;			/* header.backends of them */

	/* A bit for each place of a name: not to be evicted; used lately */
	pg_atomic_uint64 *busy;
	pg_atomic_uint64 *recent;
} Registry;

extern Registry *attached_registry;

/* The registry, or NULL if this session does without. */
static inline Registry *
registry(void)
{
	return attached_registry;
}

extern void registry_preload(void);
extern Registry *registry_attach(void);
extern Registry *registry_or_error(void);

/* The lock over what is known of a key */
static inline LWLock *
partition_lock(const Registry *reg, uint32 hash)
{
	return &reg->state->partitions[hash % PARTITIONS].lock;
}

#endif							/* REGISTRY_H */
