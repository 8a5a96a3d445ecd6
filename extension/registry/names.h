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

struct Label;

/* One name and what happened to it; durations are microseconds */
typedef struct NameEntry
{
	NameId		id;				/* hash key, must be first */
	Oid			role;			/* who used it last */
	uint32		round;			/* of the evictions, when it was used last */
	bool		has_namesake;	/* another name has the same key */
	int			holder;			/* process that holds it exclusively, or 0 */
	int64		token;			/* its fencing token */
	TimestampTz last_acquired_at;	/* 0: never */
	int64		acquisitions;
	int64		waits;
	int64		timeouts;
	int64		total_wait;
	int64		max_wait;
	int64		total_hold;
	int64		max_hold;
	TimestampTz stats_since;
	char		name[NAME_ROOM];
} NameEntry;

extern void name_wanted(const NamedLock *lock);
extern bool name_acquired(const NamedLock *lock, LOCKMODE mode, TimestampTz now,
						  int64 token, bool warn);
extern void name_waited(const NamedLock *lock, int64 wait);
extern void name_timed_out(const NamedLock *lock);
extern void name_released(const NameId *id, int64 hold);
extern NameId *names_of_database(int *count);
extern bool name_statistics(const NameId *id, NameEntry *copy);
extern void reset_name_statistics(const NameId *id);
extern bool name_holder(LockKey key, int pid, struct Label *label);
extern char *name_by_id(const NameId *id);
extern char *name_by_key(LockKey key);

#endif							/* NAMES_H */
