/*-------------------------------------------------------------------------
 *
 * advisory_lock.c
 *	  Locks by name: what happens when the library is loaded.
 *
 * Where to find what:
 *
 *	key.c			a name, its key, its lock tag
 *	wait.c			waiting in the lock queue without ever leaking the lock
 *	held.c			what this session holds, by name
 *	token.c			fencing tokens
 *	acquire.c		the three together: acquire and release, one lock or many
 *	functions.c		the SQL functions for one lock
 *	many.c			the SQL functions for arrays of names
 *	permit.c		counting semaphores
 *	procedure.c		CALL acquire(): waiting without a snapshot
 *	fence.c			the check at the resource
 *	holders.c		who holds a name, from the live lock table
 *	settings.c		the settings advisory_lock.*
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "registry.h"
#include "settings.h"

MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	define_settings();
	registry_preload();
}
