/*-------------------------------------------------------------------------
 *
 * kill.h
 *	  Ending the sessions that hold a lock: --kill.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_KILL_H
#define WITHLOCK_KILL_H

#include "withlock/withlock.h"

/* For observe(): end them, say how many.  Returns withlock's exit status. */
extern int	kill_holders(const Options *options, advlock *session);

#endif							/* WITHLOCK_KILL_H */
