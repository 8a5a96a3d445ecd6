/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings advisory_lock.*
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "settings.h"

bool		allow_standby = false;

/* Called once, when the library is loaded. */
void
define_settings(void)
{
	DefineCustomBoolVariable("advisory_lock.allow_standby",
							 "Allows named advisory locks on a standby server.",
							 "Such a lock excludes other sessions of that standby only, and has no fencing token.",
							 &allow_standby,
							 false,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	MarkGUCPrefixReserved("advisory_lock");
}
