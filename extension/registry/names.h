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

extern NameEntry *name_enter(Registry *reg, const NamedLock *lock);
extern NameEntry *name_find(Registry *reg, const NameId *id);
extern void name_unlock(Registry *reg, const NameEntry *entry);

extern Place name_pin(Registry *reg, NameEntry *entry);
extern NameEntry *name_pinned(Registry *reg, Place place);
extern void name_let_go(Registry *reg, NameEntry *entry);
extern void name_unpin(Registry *reg, Place place);

extern bool name_copy(Registry *reg, Place place, NameEntry *copy);
extern char *name_by_id(Registry *reg, const NameId *id, Oid *role);
extern char *name_by_key(Registry *reg, LockKey key, Oid *role);
extern char *name_of_namesake(Registry *reg, const NameId *id);

extern void reset_name_statistics(NameEntry *entry);

#endif							/* NAMES_H */
