/*-------------------------------------------------------------------------
 *
 * advisory_lock.c
 *	  Locks by name: what happens when the library is loaded.
 *
 * Where to find what:
 *
 *	key.c			a name, its key, its lock tag
 *	deadline.c		how long an acquire may take
 *	wait.c			waiting in the lock queue without ever leaking the lock
 *	delay.c			keeping others off a name after its holder was lost
 *	token.c			fencing tokens; token_block.c, from shared memory
 *	held.c			what this session holds, by name
 *	acquire.c		all of that together: acquire and release, one lock or many
 *
 *	functions.c		the SQL functions for one lock
 *	many.c			... for arrays of names
 *	permit.c		... for counting semaphores
 *	procedure.c		CALL acquire(): waiting without a snapshot
 *	fence.c			the check at the resource
 *	holders.c		who holds a name, from the live lock table
 *	views.c			what the views are made of; row.c, rows as results
 *
 *	registry.c		the shared memory in which all sessions know the names
 *	names.c			... the names and their statistics; evict.c makes room
 *	label.c			... what a session tells about a lock it holds or awaits
 *
 *	settings.c		the settings advisory_lock.*
 *	compat.h		what differs between PostgreSQL's majors
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
