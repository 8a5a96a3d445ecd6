/*-------------------------------------------------------------------------
 *
 * report.h
 *	  Looking and acting by name: --list, --status, --kill.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_REPORT_H
#define WITHLOCK_REPORT_H

#include "withlock/withlock.h"

/* Do what the action asks for, on stdout.  Returns withlock's exit status. */
extern int	report(const Options *options, const char *conninfo);

#endif							/* WITHLOCK_REPORT_H */
