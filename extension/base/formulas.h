/*-------------------------------------------------------------------------
 *
 * formulas.h
 *	  The keys that other programs lock by.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef FORMULAS_H
#define FORMULAS_H

#include "base/key.h"

/* A key that a tool uses in this database */
typedef struct KnownKey
{
	LockKey		key;
	const char *tool;			/* static */
	Oid			schema;			/* whose key it is; invalid: the database's */
} KnownKey;

typedef void (*KnownKeyVisitor) (const KnownKey *known, void *arg);

extern void visit_database_keys(const char *database, KnownKeyVisitor visit, void *arg);
extern void visit_schema_keys(Oid schema, const char *name, const char *database,
							  KnownKeyVisitor visit, void *arg);
extern bool is_repack_key(LockKey key, Oid *table);

#endif							/* FORMULAS_H */
