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
 * May the session wait for what the options ask for?  Not for a lock that a
 * withlock above us holds in the same database, unless both are shared; and
 * for a permit only if the withlocks above do not hold them all.  False after
 * saying why.
 */
extern bool nesting_allows(const Options *options, const advlock *session);

/*
 * Set WITHLOCK_HELD for the command: what is held above, and what the session
 * holds.  Can be called again when that has changed.  False if memory ran
 * out.
 */
extern bool nesting_export(const Options *options, const advlock *session);

#endif							/* WITHLOCK_NESTING_H */
