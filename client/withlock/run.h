/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Run a command while holding a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_RUN_H
#define WITHLOCK_RUN_H

#include "withlock/withlock.h"

/*
 * Connect, take the lock, run the command, release the lock.  Returns
 * withlock's exit status; -n: withlock is to die of signal n.  All signals
 * stay blocked afterwards.
 */
extern int	run_command(const Options *options, const char *conninfo);

#endif							/* WITHLOCK_RUN_H */
