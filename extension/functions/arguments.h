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

extern NamedLock named_lock_arg(FunctionCallInfo fcinfo, int argno);
extern NamedLock brief_lock_arg(FunctionCallInfo fcinfo, int argno);
extern Deadline timeout_arg(FunctionCallInfo fcinfo, int argno, const char *what);
extern Deadline timeout_arg_or_setting(FunctionCallInfo fcinfo, int argno, const char *what);
extern int	permits_arg(FunctionCallInfo fcinfo, int argno, const char *name);

#endif							/* ARGUMENTS_H */
