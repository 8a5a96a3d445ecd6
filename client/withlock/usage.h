/*-------------------------------------------------------------------------
 *
 * usage.h
 *	  What options go together.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_USAGE_H
#define WITHLOCK_USAGE_H

#include "withlock/withlock.h"

/*
 * Can this be done, all options together?  Before anything is connected to.
 * Prepares the names for messages.  False after saying what is wrong.
 */
extern bool usage_check(Options *options);

/* What the command gets where --grace does not say it. */
extern int	usage_default_grace_ms(const Options *options);
extern int	usage_default_lock_delay_ms(const Options *options);

/* Say what is wrong with the command line.  Both return false. */
extern bool usage_error(const char *what, const char *detail);
extern bool usage_out_of_memory(void);

#endif							/* WITHLOCK_USAGE_H */
