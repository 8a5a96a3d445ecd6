/*-------------------------------------------------------------------------
 *
 * failures.h
 *	  What came of several attempts, in one reason.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_FAILURES_H
#define ADVLOCK_FAILURES_H

#include "libadvlock/internal.h"

typedef struct advl_failures
{
	int			count;
	advl_text	only;			/* the reason of the first, whole */
	advl_text	lines;			/* a line for each */
	advlock_result result;		/* the most telling, with its SQLSTATE */
	char		sqlstate[6];
	bool		may_pass;		/* one of them may */
	bool		out_of_memory;
} advl_failures;

/*
 * The attempt has failed for the reason that stands in the handle: keep it,
 * and make the handle ready for the next attempt.
 */
extern void advl_failures_add(advl_failures *f, advlock *h, advlock_result r,
							  const char *host, const char *port);

/* Put all of it into the handle as the reason of the whole, and return it. */
extern advlock_result advl_failures_report(const advl_failures *f, advlock *h);

extern void advl_failures_free(advl_failures *f);

#endif							/* ADVLOCK_FAILURES_H */
