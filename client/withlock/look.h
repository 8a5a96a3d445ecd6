/*-------------------------------------------------------------------------
 *
 * look.h
 *	  Looking at locks by name: --list and --status.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_LOOK_H
#define WITHLOCK_LOOK_H

#include "withlock/withlock.h"

/* For observe(): answer on stdout.  Return withlock's exit status. */
extern int	look_at_list(const Options *options, advlock *session);
extern int	look_at_status(const Options *options, advlock *session);

#endif							/* WITHLOCK_LOOK_H */
