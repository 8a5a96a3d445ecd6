/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  Taking, renewing and ending leases.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef FUNCTIONS_LEASE_H
#define FUNCTIONS_LEASE_H

#include "fmgr.h"

#include "base/deadline.h"
#include "base/key.h"

/* What is asked for; times are microseconds */
typedef struct LeaseRequest
{
	const NamedLock *lock;
	int64		duration;
	char	   *holder;
} LeaseRequest;

extern LeaseRequest lease_request_args(FunctionCallInfo fcinfo, const NamedLock *lock, int duration, int holder);
extern int64 lease_duration_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock);
extern int64 lease_token_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock);
extern int64 at_least_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock);
extern void check_lease_allowed(const char *function);
extern bool take_lease(const LeaseRequest *request, const Deadline *deadline, int64 *token);
extern void check_lease_owner(const NamedLock *lock, const char *owner);
extern bool end_lease(const NamedLock *lock);

#endif							/* FUNCTIONS_LEASE_H */
