/*-------------------------------------------------------------------------
 *
 * params.h
 *	  What libpq would connect with.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_PARAMS_H
#define ADVLOCK_PARAMS_H

#include "libadvlock/internal.h"

typedef struct advl_params
{
	/* Connection string with everything but what follows. */
	advl_text	common;

	/* Lists with commas; "" if not set.  They match each other. */
	advl_text	hosts;
	advl_text	hostaddrs;
	advl_text	ports;

	advl_text	target;			/* target_session_attrs */
	bool		shuffle;		/* load_balance_hosts=random */

	/* connect_timeout of one attempt; 0: for ever, -1: not given. */
	int			timeout_ms;
} advl_params;

/*
 * Expand the options as libpq does: the connection string, the service file,
 * the environment, the defaults.  False after advl_fail() if libpq refuses
 * them or memory ran out; advl_params_free() is the caller's either way.
 */
extern bool advl_params_expand(advlock *h, const advlock_open_options *o,
							   advl_params *p);
extern void advl_params_free(advl_params *p);

/* Append " keyword='value'" to a connection string. */
extern void advl_params_append(advl_text *conninfo, const char *keyword,
							   const char *value);

#endif							/* ADVLOCK_PARAMS_H */
