/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Arguments that several SQL functions have.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "fmgr.h"

#include "base/deadline.h"
#include "base/key.h"

extern text *name_arg(FunctionCallInfo fcinfo, int argno);
extern NamedLock named_lock_arg(FunctionCallInfo fcinfo, int argno);
extern NamedLock key_arg(FunctionCallInfo fcinfo, int *next);
extern Deadline timeout_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock);
extern Deadline timeout_arg_or_setting(FunctionCallInfo fcinfo, int argno, const NamedLock *lock);
extern int	permits_arg(FunctionCallInfo fcinfo, int argno, const char *name);

/* As named_lock_arg, for a function that looks no other name up and calls no SQL. */
static inline NamedLock
brief_lock_arg(FunctionCallInfo fcinfo, int argno)
{
	NamedLock	lock;

	named_lock_init_brief(&lock, name_arg(fcinfo, argno));
	return lock;
}

/*
 * Define an SQL function for one lock: "function" for a lock given by its name,
 * "function_by_key" for the overloads that take its key.  by_name is
 * named_lock_arg or brief_lock_arg.  result is a Datum; in it, lock is the lock
 * and next the number of the argument that follows.  What the forms differ in
 * is here, and nowhere else.
 */
#define LOCK_FUNCTION(function, by_name, result) \
	PG_FUNCTION_INFO_V1(function); \
	PG_FUNCTION_INFO_V1(function##_by_key); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		NamedLock	lock = by_name(fcinfo, 0); \
		int			next pg_attribute_unused() = 1; \
		return result; \
	} \
	Datum \
	function##_by_key(PG_FUNCTION_ARGS) \
	{ \
		int			next; \
		NamedLock	lock = key_arg(fcinfo, &next); \
		return result; \
	} \
	extern Datum function##_by_key(PG_FUNCTION_ARGS)

#endif							/* ARGUMENTS_H */
