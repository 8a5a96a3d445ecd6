/*-------------------------------------------------------------------------
 *
 * values.h
 *	  Strict readers of what a person types.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_VALUES_H
#define WITHLOCK_VALUES_H

#include <stdbool.h>

/*
 * A duration into ms: "30", "0.5", "500ms", "5s", "2m", "1h".  Seconds
 * without a unit.  More than an int of ms can hold becomes INT_MAX; what is
 * not zero never becomes zero.  False if it is no duration.
 */
extern bool read_duration(const char *text, int *ms);

/* A whole number from low to high.  False if it is none. */
extern bool read_number(const char *text, int low, int high, int *number);

#endif							/* WITHLOCK_VALUES_H */
