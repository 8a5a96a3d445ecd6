/*-------------------------------------------------------------------------
 *
 * table.h
 *	  Hash tables of a fixed size in shared memory.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef REGISTRY_TABLE_H
#define REGISTRY_TABLE_H

#include "storage/spin.h"

/* Where an entry is, counted from 1; 0 is nowhere */
typedef uint32 Place;

/* The first member of every entry */
typedef struct TableLink
{
	Place		next;			/* in the bucket, or in the list of free places */
	uint32		hash;
	bool		linked;			/* to be found in its bucket */
} TableLink;

/* A table, in shared memory; its buckets and entries are elsewhere in it */
typedef struct Table
{
	slock_t		mutex;			/* the following three */
	Place		free;			/* first place that was given back */
	uint32		touched;		/* places that have ever been taken */
	uint32		taken;			/* places that are taken now */
	uint32		capacity;
	uint32		buckets;		/* a power of 2 */
} Table;

/* How this process gets at it */
typedef struct TableAccess
{
	Table	   *table;
	Place	   *buckets;
	char	   *entries;
	size_t		entry_size;
} TableAccess;

extern uint32 table_buckets(uint32 capacity);
extern void table_init(const TableAccess *access, uint32 capacity);
extern uint32 table_count(const TableAccess *access);
extern uint32 table_touched(const TableAccess *access);

extern void *table_take(const TableAccess *access);
extern void table_give_back(const TableAccess *access, void *entry);
extern void table_link(const TableAccess *access, void *entry, uint32 hash);
extern void table_unlink(const TableAccess *access, void *entry);
extern bool table_linked(const void *entry, uint32 hash);
extern void *table_first(const TableAccess *access, uint32 hash);
extern void *table_next(const TableAccess *access, const void *entry);

/* The entry in a place, or NULL where there is none. */
static inline void *
table_entry(const TableAccess *access, Place place)
{
	if (place == 0)
		return NULL;
	return access->entries + (place - 1) * access->entry_size;
}

static inline Place
table_place(const TableAccess *access, const void *entry)
{
	return ((const char *) entry - access->entries) / access->entry_size + 1;
}

#endif							/* REGISTRY_TABLE_H */
