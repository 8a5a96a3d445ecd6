/*-------------------------------------------------------------------------
 *
 * nesting.h
 *	  A command under a lock that asks for the same lock.
 *
 * It would wait for itself.  So withlock tells its command in WITHLOCK_HELD
 * which locks it holds, and another withlock below it refuses those.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_NESTING_H
#define WITHLOCK_NESTING_H

#include "withlock/withlock.h"

/*
 * The first of the names that a withlock above us holds in the same
 * database, or NULL.
 */
extern const char *nesting_conflict(const Options *options, const char *target);

/*
 * Set WITHLOCK_HELD for the command: what it was, and our own names.  To be
 * called once.  Returns false if memory ran out.
 */
extern bool nesting_export(const Options *options, const char *target);

#endif							/* WITHLOCK_NESTING_H */
