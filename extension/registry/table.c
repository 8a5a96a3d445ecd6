/*-------------------------------------------------------------------------
 *
 * table.c
 *	  Hash tables of a fixed size in shared memory.
 *
 * All of the memory is there from the beginning, so nothing here allocates,
 * waits for longer than a spinlock or raises an error; a table can be full,
 * and that is all that can happen.
 *
 * An entry begins with a TableLink.  It is taken, filled and linked into the
 * bucket of its hash; and the other way round: unlinked and given back.  The
 * buckets are for the caller to lock, all entries of one hash with one lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"

#include "registry/table.h"

static TableLink *
link_of(const void *entry)
{
	return (TableLink *) unconstify(void *, entry);
}

static Place *
bucket_of(const TableAccess *access, uint32 hash)
{
	return &access->buckets[hash & (access->table->buckets - 1)];
}

/* How many buckets suit so many entries: a power of 2. */
uint32
table_buckets(uint32 capacity)
{
	return pg_nextpower2_32(Max(capacity, 1));
}

/* Make an empty table.  Entries are not touched before they are taken. */
void
table_init(const TableAccess *access, uint32 capacity)
{
	Table	   *table = access->table;

	SpinLockInit(&table->mutex);
	table->free = 0;
	table->touched = 0;
	table->taken = 0;
	table->capacity = capacity;
	table->buckets = table_buckets(capacity);
	memset(access->buckets, 0, table->buckets * sizeof(Place));
}

/* How many places are taken. */
uint32
table_count(const TableAccess *access)
{
	uint32		count;

	SpinLockAcquire(&access->table->mutex);
	count = access->table->taken;
	SpinLockRelease(&access->table->mutex);
	return count;
}

/* Places from 1 to this one may have an entry. */
uint32
table_touched(const TableAccess *access)
{
	uint32		touched;

	SpinLockAcquire(&access->table->mutex);
	touched = access->table->touched;
	SpinLockRelease(&access->table->mutex);
	return touched;
}

/* A place for an entry, or NULL when all are taken. */
void *
table_take(const TableAccess *access)
{
	Table	   *table = access->table;
	TableLink  *link;

	SpinLockAcquire(&table->mutex);
	link = table_entry(access, table->free);
	if (link)
		table->free = link->next;
	else if (table->touched < table->capacity)
	{
		link = table_entry(access, table->touched + 1);
		*link = (TableLink) {0};
		table->touched++;
	}
	if (link)
		table->taken++;
	SpinLockRelease(&table->mutex);
	return link;
}

/* Give back the place of an entry that is not linked. */
void
table_give_back(const TableAccess *access, void *entry)
{
	Table	   *table = access->table;

	SpinLockAcquire(&table->mutex);
	link_of(entry)->next = table->free;
	table->free = table_place(access, entry);
	table->taken--;
	SpinLockRelease(&table->mutex);
}

/* Let an entry be found. */
void
table_link(const TableAccess *access, void *entry, uint32 hash)
{
	TableLink  *link = link_of(entry);
	Place	   *bucket = bucket_of(access, hash);

	link->hash = hash;
	link->next = *bucket;
	pg_write_barrier();			/* see table_linked() */
	link->linked = true;
	*bucket = table_place(access, entry);
}

/* Let an entry be found no longer. */
void
table_unlink(const TableAccess *access, void *entry)
{
	TableLink  *link = link_of(entry);
	Place		place = table_place(access, entry);
	Place	   *pointer = bucket_of(access, link->hash);

	while (*pointer != place)
		pointer = &link_of(table_entry(access, *pointer))->next;
	*pointer = link->next;
	link->linked = false;
}

/*
 * Is there an entry in that place with that hash?  Its bucket is locked; the
 * place may have got an entry with another hash meanwhile.
 */
bool
table_linked(const void *entry, uint32 hash)
{
	const volatile TableLink *link = link_of(entry);

	if (!link->linked)
		return false;
	pg_read_barrier();
	return link->hash == hash;
}

/* The first entry that may have this hash, or NULL. */
void *
table_first(const TableAccess *access, uint32 hash)
{
	return table_entry(access, *bucket_of(access, hash));
}

/* The one after it, or NULL. */
void *
table_next(const TableAccess *access, const void *entry)
{
	return table_entry(access, link_of(entry)->next);
}
