/*-------------------------------------------------------------------------
 *
 * lease_arguments.c
 *	  Arguments of the SQL functions for leases.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/title.h"
#include "functions/arguments.h"
#include "functions/lease.h"

#define MIN_DURATION USECS_PER_SEC
#define MAX_DURATION (24 * USECS_PER_HOUR)
#define MAX_HOLDER_BYTES 1024

static int64
interval_us(const Interval *interval)
{
	double		days = interval->month * (double) DAYS_PER_MONTH + interval->day;
	double		us = days * USECS_PER_DAY + interval->time;

	return (int64) Min(Max(us, -2.0 * MAX_DURATION), 2.0 * MAX_DURATION);
}

/* How long a lease is to last, in microseconds. */
int64
lease_duration_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	int64		us = PG_ARGISNULL(argno) ? 0 : interval_us(PG_GETARG_INTERVAL_P(argno));

	if (us < MIN_DURATION || us > MAX_DURATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("duration of the lease of %s must be between 1 second and 24 hours", lock_title(lock)),
				 errhint("Choose what the holder can be waited for when it is lost, and renew the lease as long as it works.")));
	return us;
}

/*
 * How long others are to be kept off, in microseconds: up to a lease's length.
 * May be NULL, which is 0.
 */
int64
at_least_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	int64		us = PG_ARGISNULL(argno) ? 0 : interval_us(PG_GETARG_INTERVAL_P(argno));

	if (us < 0 || us > MAX_DURATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time for which others are kept off %s must be between 0 and 24 hours", lock_title(lock)),
				 errhint("Leave it out, or pass how long others shall at least be kept off.")));
	return us;
}

/* The token that a lease is known by. */
int64
lease_token_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("token of the lease of %s must not be null", lock_title(lock)),
				 errhint("Pass what advisory_lock.acquire_lease() returned.")));
	return PG_GETARG_INT64(argno);
}

/* Where the session's client is, as far as the server knows. */
static const char *
client_address(void)
{
	LOCAL_FCINFO(call, 0);
	Datum		address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(call);
	return call->isnull ? "[local]" : DatumGetCString(DirectFunctionCall1(inet_out, address));
}

/* What others are told of the holder if it does not say. */
static char *
default_holder(void)
{
	const char *user = GetUserNameFromId(GetUserId(), false);
	const char *client = client_address();

	if (application_name && application_name[0] != '\0')
		return psprintf("%s (%s, %s)", application_name, user, client);
	return psprintf("%s, %s", user, client);
}

static char *
holder_arg(FunctionCallInfo fcinfo, int argno, const NamedLock *lock)
{
	char	   *holder = PG_ARGISNULL(argno) ? default_holder() :
		text_to_cstring(PG_GETARG_TEXT_PP(argno));

	if (strlen(holder) > MAX_HOLDER_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("holder of the lease of %s is too long", lock_title(lock)),
				 errdetail("The limit is %d bytes.", MAX_HOLDER_BYTES),
				 errhint("Pass a shorter text, or leave it out.")));
	return holder;
}

/* What is asked for of the lock by the arguments with these numbers. */
LeaseRequest
lease_request_args(FunctionCallInfo fcinfo, const NamedLock *lock, int duration, int holder)
{
	return (LeaseRequest) {
		lock, lease_duration_arg(fcinfo, duration, lock), holder_arg(fcinfo, holder, lock)
	};
}
