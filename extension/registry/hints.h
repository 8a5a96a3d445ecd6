/*-------------------------------------------------------------------------
 *
 * hints.h
 *	  Which keys may be leased.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef HINTS_H
#define HINTS_H

#include "registry/registry.h"

/* In the counter kept_off: there have been leases since the server started */
#define LEASED_SINCE_START 0x80000000

extern bool leases_have_hints;

extern bool find_lease_hints(Registry *reg);
extern void lease_hints_are_left(Registry *reg);
extern void leave_lease_hint(Registry *reg, LockKey key, TimestampTz until);
extern bool may_be_leased(Registry *reg, LockKey key, TimestampTz now);

/*
 * Is no key kept off at all?  One look, where leases have left their hints:
 * all that an acquire pays in a server that has neither leases nor delays.
 */
static inline bool
nothing_is_kept_off(Registry *reg)
{
	return leases_have_hints && pg_atomic_read_u32(&reg->state->kept_off) == 0;
}

#endif							/* HINTS_H */
