/*-------------------------------------------------------------------------
 *
 * label.h
 *	  What a session tells the others about a lock it holds or awaits.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef LABEL_H
#define LABEL_H

#include "registry/registry.h"

/*
 * It goes with a row of the live lock table, and means nothing without one.
 * The one exclusive holder of a name needs none: he is in the name's entry.
 */
typedef struct Label
{
	LabelId		id;				/* hash key, must be first */
	NameId		name;
	TimestampTz acquired_at;	/* 0: not yet */
	TimestampTz delayed_until;	/* 0: not kept off, see delay.c */
	int64		token;
} Label;

extern void label_put(const NameId *name, TimestampTz acquired_at,
					  TimestampTz delayed_until, int64 token);
extern void label_remove(LockKey key);
extern void label_remove_all(void);
extern bool label_find(LockKey key, int pid, Label *copy);

#endif							/* LABEL_H */
