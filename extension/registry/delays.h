/*-------------------------------------------------------------------------
 *
 * delays.h
 *	  The keys that lost sessions keep others off, in shared memory.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef DELAYS_H
#define DELAYS_H

#include "registry/registry.h"

/* Gives the keys that a session leaves behind, one by one; false at the end */
typedef bool (*NextKey) (void *arg, LockKey *key);

extern Delay *delay_find(Registry *reg, LockKey key);
extern void delay_remove(Registry *reg, Delay *delay);
extern void delays_put(Registry *reg, NextKey next, void *arg, int64 now, int64 until);

#endif							/* DELAYS_H */
