/*-------------------------------------------------------------------------
 *
 * deadlock.h
 *	  Deadlocks in which somebody awaits any one of several locks.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef DEADLOCK_H
#define DEADLOCK_H

#include "nodes/pg_list.h"

#include "base/key.h"

/* What the head of a queue is to do that awaits any one of several locks */
typedef enum Verdict
{
	KEEP_WAITING,				/* somebody can still release one, or will not for our sake */
	DEADLOCKED,					/* all who could wait for this session */
	STEP_BACK					/* they wait for one who is behind it in the queue */
} Verdict;

/* One who awaits any one of several locks, for others to see */
typedef struct Awaiter
{
	int			pid;
	LOCKTAG		queue;			/* at whose head it is */
	List	   *blockers;		/* process IDs */
} Awaiter;

extern Verdict check_deadlock(const NamedLock *locks, int count,
							  const NamedLock *queue, bool has_stepped_back,
							  char **detail);
extern List *all_awaiters(const LockData *table);

#endif							/* DEADLOCK_H */
