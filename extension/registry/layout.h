/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  All that stands in shared memory.
 *
 * Sessions with different builds of this library can meet in one memory, so
 * whoever changes anything in here raises REGISTRY_LAYOUT.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "base/key.h"
#include "registry/table.h"

#define REGISTRY_MAGIC 0x6164766c
#define REGISTRY_LAYOUT 4

/* A name of 1024 bytes with the suffix of a permit, in any encoding */
#define NAME_ROOM (MAX_NAME_BYTES + 16)

/* Locks over the buckets of names and labels: by the hash of the key */
#define PARTITIONS 32

/* In the count of a name's pins: do not pin it */
#define NO_NAME_HERE (UINT32_C(1) << 31)

/* Labels that a session has on the board; more of them go into a table */
#define LABELS_ON_BOARD 16

/* Databases whose tokens are given from memory */
#define TOKEN_BLOCKS 256

/* How many hints there are of keys that may be leased, see hints.c */
#define LEASE_HINTS 65536

/* Databases whose leases are known to have left theirs */
#define HINTED_DATABASES 256

/* By what a session knows whether it understands the rest.  Never changes. */
typedef struct RegistryHeader
{
	uint32		magic;
	uint32		layout;
	uint32		sizes[4];		/* of state, name, label and delay */
	uint32		max_names;		/* the room for names, labels, delays */
	uint32		backends;		/* rows of the board */
	pg_atomic_uint32 attempt;	/* the memory is the one with this number, */
	pg_atomic_uint32 ready;		/* and it is there */
} RegistryHeader;

/*
 * One name and what happened to it; durations are microseconds.
 *
 * Who has pinned an entry may do without the lock of its partition: then it
 * stays that name's, and what is atomic may be changed.
 */
typedef struct NameEntry
{
	TableLink	link;			/* hashed by key: namesakes are in one bucket */
	NameId		id;
	Oid			role;			/* who used it last, and so knows it */
	pg_atomic_uint32 users;		/* pins; NO_NAME_HERE unless linked */
	bool		has_namesake;	/* another name has the same key */
	pg_atomic_uint64 last_acquired_at;	/* 0: never */
	pg_atomic_uint64 acquisitions;
	pg_atomic_uint64 total_hold;
	pg_atomic_uint64 max_hold;
	int64		waits;
	int64		timeouts;
	int64		total_wait;
	int64		max_wait;
	TimestampTz stats_since;
	char		name[NAME_ROOM];	/* empty: none, a lock taken by its key */
} NameEntry;

/* Why a session waits for a lock that it was granted */
typedef enum DelayReason
{
	NOT_DELAYED = 0,
	HOLDER_LOST,				/* the last holder's session ended without releasing it */
	SERVER_STARTED,				/* and nobody knows what was held before */
	LEASED						/* somebody has a lease on it */
} DelayReason;

/*
 * What a session tells the others about a lock that it holds or awaits.  It
 * goes with a row of the live lock table, and means nothing without one.
 */
typedef struct Label
{
	TableLink	link;			/* unless on the board; hashed by key */
	pg_atomic_uint32 sequence;	/* odd while its session writes it */
	int			pid;			/* whose; 0: nobody's */
	NameId		name;
	Place		place;			/* of the name, which is kept; 0: not known */
	Oid			role;			/* the user who took the lock */
	TimestampTz acquired_at;	/* 0: not yet */
	TimestampTz delayed_until;	/* 0: not kept off, see delay.c */
	DelayReason delay_reason;
	int64		token;
} Label;

/* The labels of one session, which alone writes them */
typedef struct BoardRow
{
	pg_atomic_uint32 pid;		/* 0: nobody's */
	Label		labels[LABELS_ON_BOARD];
} BoardRow;

/* A key that is kept off; the time is on the monotonic clock, in microseconds */
typedef struct Delay
{
	TableLink	link;			/* hashed by key */
	Oid			database;
	LockKey		key;
	Oid			role;			/* of the session that was lost */
	int64		until;
} Delay;

/* Tokens of one database that are durable but not given yet; see token.c */
typedef struct TokenBlock
{
	pg_atomic_uint64 owner;		/* database << 32 | sequence; 0: nobody's */
	pg_atomic_uint64 next;		/* the next to be given, if not above */
	pg_atomic_uint64 last;		/* where the sequence stands since then */
	int64		above;			/* none at or below it is given any more */
	int64		refilled_at;	/* seconds, on the monotonic clock */
	bool		given_before_start; /* the database had given tokens */
} TokenBlock;

/* What is not in a table of its own, at the beginning of the memory */
typedef struct RegistryState
{
	RegistryHeader header;
	int			tranche;
	LWLockPadded partitions[PARTITIONS];	/* names and labels */
	LWLock		delay_lock;
	LWLock		token_lock;

	Table		names;
	Table		labels;
	Table		delays;

	pg_atomic_uint32 kept_off;	/* delays, and leases ever: 0 if there are none */
	int64		begun_at;		/* when the server was started with this memory,
								 * in us on the monotonic clock; 0: made later */
	pg_atomic_uint64 running_since; /* when this server began to take writes, in us
									 * on the monotonic clock; 0: nobody asked */
	pg_atomic_uint32 hand;		/* where to look for a name to evict */
	pg_atomic_uint64 evicted;	/* names removed to make room */
	pg_atomic_uint64 untracked; /* acquires of names there was no room for */

	ConditionVariable released; /* some permit was released */
	ConditionVariable let_in;	/* some key is kept off no longer */
	TokenBlock	token_blocks[TOKEN_BLOCKS];

	/* Until when some key may be leased: seconds, on the wall clock */
	pg_atomic_uint32 lease_hints[LEASE_HINTS];
	pg_atomic_uint32 hinted_databases[HINTED_DATABASES];
} RegistryState;

#endif							/* LAYOUT_H */
