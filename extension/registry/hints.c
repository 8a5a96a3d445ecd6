/*-------------------------------------------------------------------------
 *
 * hints.c
 *	  Which keys may be leased.
 *
 * A lease is a row, and the row is the truth; but nobody wants to read a table
 * whenever a lock is taken.  So whoever writes a row of the table leases, by
 * whatever way, first leaves a hint until when the key may be leased.  Hints
 * are times in places found by a hash: two keys may share one, and what was
 * rolled back or released stays until it is over.  That costs a look at the
 * row, and nothing else.
 *
 * Rows that are older than this memory have left no hints: before a database
 * is first asked about, somebody has to leave them, see lease.c.
 *
 * The order matters.  Who renews a lease leaves the hint, then writes the row,
 * and then must find that the lease was not over yet.  Who asks reads the
 * clock, and then the hint, and then the row.  So if the clock said that the
 * lease is over, he sees the hint of any renewal that came in time.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "registry/hints.h"

/* In this database, as far as this session knows; never taken back */
bool		leases_have_hints = false;

static pg_atomic_uint32 *
hint_of(Registry *reg, LockKey key)
{
	return &reg->state->lease_hints[lock_key_hash(MyDatabaseId, &key) % LEASE_HINTS];
}

static pg_atomic_uint32 *
place_of_database(Registry *reg)
{
	return &reg->state->hinted_databases[MyDatabaseId % HINTED_DATABASES];
}

/* Have the leases of this database left their hints? */
bool
find_lease_hints(Registry *reg)
{
	if (!leases_have_hints)
		leases_have_hints = pg_atomic_read_u32(place_of_database(reg)) == MyDatabaseId;
	return leases_have_hints;
}

/*
 * They have, from now on.  Where two databases have one place, the sessions of
 * one of them have to find out by themselves.
 */
void
lease_hints_are_left(Registry *reg)
{
	pg_memory_barrier();
	pg_atomic_write_u32(place_of_database(reg), MyDatabaseId);
	leases_have_hints = true;
}

/* Whole seconds, rounded up; the latest there is for what lies beyond. */
static uint32
seconds(TimestampTz time)
{
	TimestampTz whole = time / USECS_PER_SEC + (time % USECS_PER_SEC > 0 ? 1 : 0);

	return (uint32) Min(Max(whole, 0), PG_UINT32_MAX);
}

/* The key may be leased until then.  A full barrier. */
void
leave_lease_hint(Registry *reg, LockKey key, TimestampTz until)
{
	pg_atomic_uint32 *hint = hint_of(reg, key);
	uint32		new = seconds(until);
	uint32		old = pg_atomic_read_u32(hint);

	while (old < new && !pg_atomic_compare_exchange_u32(hint, &old, new))
		;
	pg_atomic_fetch_or_u32(&reg->state->kept_off, LEASED_SINCE_START);
}

/*
 * May the key be leased at that time, which the clock has shown before?  A
 * hint that is over is taken down, for those who come later.
 */
bool
may_be_leased(Registry *reg, LockKey key, TimestampTz now)
{
	pg_atomic_uint32 *hint = hint_of(reg, key);
	uint32		until;

	pg_memory_barrier();
	until = pg_atomic_read_u32(hint);
	if (until == 0)
		return false;
	if ((TimestampTz) until * USECS_PER_SEC > now || until == PG_UINT32_MAX)
		return true;
	pg_atomic_compare_exchange_u32(hint, &until, 0);
	return false;
}
