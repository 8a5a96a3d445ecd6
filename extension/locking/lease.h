/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  Locks that are held without a session.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef LEASE_H
#define LEASE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "base/key.h"

/* A row of the table leases; palloc'd */
typedef struct Lease
{
	LockKey		key;
	char	   *name;			/* NULL: it was taken by its key */
	int64		token;
	char	   *holder;
	char	   *owner;
	TimestampTz acquired_at;
	TimestampTz expires_at;
	bool		changing;		/* by a transaction that we cannot see yet */
} Lease;

extern void check_leases_possible(void);
extern void note_lease(LockKey key, TimestampTz until);
extern TimestampTz leased_until(LockKey key);
extern void lease_ended_here(const NamedLock *lock);
extern void check_lease_over(const NamedLock *lock);
extern Lease *find_lease(LockKey key);
extern List *leases_under_way(void);

#endif							/* LEASE_H */
