/*-------------------------------------------------------------------------
 *
 * advisory_lock.c
 *	  Locks by name: what happens when the library is loaded.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/compat.h"
#include "registry/registry.h"
#include "base/settings.h"

MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	define_settings();
	registry_preload();
}
