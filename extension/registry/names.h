/*-------------------------------------------------------------------------
 *
 * names.h
 *	  The names in use and their statistics, in shared memory.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef NAMES_H
#define NAMES_H

#include "registry/registry.h"

extern uint32 name_hash(const NameId *id);

extern NameEntry *name_find(Registry *reg, const NameId *id);
extern void name_unlock(Registry *reg, const NameEntry *entry);

extern Place name_pin_known(Registry *reg, const NamedLock *lock);
extern Place name_pin(Registry *reg, const NamedLock *lock);
extern void name_unpin(Registry *reg, Place place);

/* The entry in a place, which has been pinned; NULL for 0, which is no place. */
static inline NameEntry *
name_in(const Registry *reg, Place place)
{
	return table_entry(&reg->names, place);
}

extern bool name_copy(Registry *reg, Place place, NameEntry *copy);
extern char *name_by_id(Registry *reg, const NameId *id, Oid *role);
extern char *name_by_key(Registry *reg, LockKey key, Oid *role);
extern char *name_of_namesake(Registry *reg, const NameId *id);

extern void reset_name_statistics(NameEntry *entry);

#endif							/* NAMES_H */
