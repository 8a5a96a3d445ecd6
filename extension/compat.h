/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  One wrapper per server interface that differs between majors.
 *
 * Each presents the newest form, so that no other file asks for a version.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMPAT_H
#define COMPAT_H

#include "storage/lock.h"

/* PostgreSQL 18 lets a module tell its name and version. */
#if PG_VERSION_NUM >= 180000
#define MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "advisory_lock", .version = ADVISORY_LOCK_VERSION)
#else
#define MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* PostgreSQL 17 can count stronger modes too; exactly this mode is meant. */
static inline bool
lock_held_by_me(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

#endif							/* COMPAT_H */
