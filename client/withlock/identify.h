/*-------------------------------------------------------------------------
 *
 * identify.h
 *	  The phase of a run that finds out which lock --key means.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_IDENTIFY_H
#define WITHLOCK_IDENTIFY_H

#include "withlock/state.h"

/* See the table of phases in run.c. */
extern void identify_enter(Run *run);
extern void identify_on_result(Run *run, advlock_result result);
extern int64_t identify_due(const Run *run);
extern void identify_on_time(Run *run);

#endif							/* WITHLOCK_IDENTIFY_H */
