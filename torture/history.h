/*-------------------------------------------------------------------------
 *
 * history.h
 *	  What a worker did and when: a line an event, for the checker.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TORTURE_HISTORY_H
#define TORTURE_HISTORY_H

#include <stdint.h>

/* Appends to the file from now on, under the worker's name.  Exits on failure. */
extern void history_open(const char *file, const char *who);

/* CLOCK_MONOTONIC in ns: one clock for all processes of the machine. */
extern int64_t history_now(void);

/* Which operation the events belong to from now on. */
extern void history_next_op(void);

/*
 * Writes "ns who op event name token process detail", in one write(), so that
 * lines of several processes do not mix.  at is when it happened.
 */
extern void history_event_at(int64_t at, const char *event, const char *name,
							 int64_t token, int process, const char *detail);

/* The same, now. */
extern void history_event(const char *event, const char *name, int64_t token,
						  int process, const char *detail);

#endif							/* TORTURE_HISTORY_H */
