/*-------------------------------------------------------------------------
 *
 * many.h
 *	  Arrays of names.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef MANY_H
#define MANY_H

#include "fmgr.h"

#include "base/deadline.h"
#include "base/key.h"

/* An array of names; all palloc'd */
typedef struct NameSet
{
	NamedLock  *given;			/* in the order of the argument */
	int			given_count;
	NamedLock  *locks;			/* in key order, each key once */
	int			count;
} NameSet;

extern NameSet name_set_arg(FunctionCallInfo fcinfo, int argno);
extern bool acquire_name_set(const NameSet *set, const Deadline *deadline, Datum *tokens);

#endif							/* MANY_H */
