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

#include "miscadmin.h"
#include "utils/guc.h"

#include "base/settings.h"

/* Few can lift a delay, so none may be for ever: one hour */
#define MAX_LOCK_DELAY_MS (60 * 60 * 1000)

bool		allow_standby = false;
int			lock_delay = 0;
int			max_names = 10000;
bool		track = true;

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

	DefineCustomIntVariable("advisory_lock.lock_delay",
							"Keeps others off a named advisory lock for so long after this session ends without releasing it.",
							"It is without effect where the registry is not available.",
							&lock_delay,
							0, 0, MAX_LOCK_DELAY_MS,
							PGC_USERSET,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("advisory_lock.max_names",
							"Sets how many advisory lock names the registry has room for.",
							"A change takes effect when the server starts.",
							&max_names,
							10000, 1, 10000000,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							0,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("advisory_lock.track",
							 "Keeps names, holders and statistics of advisory locks in the registry.",
							 NULL,
							 &track,
							 true,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	MarkGUCPrefixReserved("advisory_lock");
}
