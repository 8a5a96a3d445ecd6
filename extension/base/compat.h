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

#include "lib/dshash.h"
#include "storage/lock.h"
#include "utils/backend_status.h"

#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#include "storage/procarray.h"
#else
#include "storage/sinvaladt.h"
#endif

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

/*
 * PostgreSQL 18 can log a lock that was not to be had at once.  *local becomes
 * this session's entry for the lock in that mode.
 */
static inline LockAcquireResult
lock_acquire(const LOCKTAG *tag, LOCKMODE mode, bool session, bool dont_wait,
			 bool report_memory_error, LOCALLOCK **local)
{
#if PG_VERSION_NUM >= 180000
	return LockAcquireExtended(tag, mode, session, dont_wait, report_memory_error, local, false);
#else
	return LockAcquireExtended(tag, mode, session, dont_wait, report_memory_error, local);
#endif
}

/*
 * PostgreSQL 17 lets a library have shared memory without being preloaded.
 * Returns that memory, initialized by init if it is new.
 */
#if PG_VERSION_NUM >= 170000
#define HAVE_DSM_REGISTRY true
static inline void *
get_named_dsm_segment(const char *name, size_t size, void (*init) (void *))
{
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
}
#else
#define HAVE_DSM_REGISTRY false
static inline void *
get_named_dsm_segment(const char *name, size_t size, void (*init) (void *))
{
	(void) name, (void) size, (void) init;
	return NULL;
}
#endif

/* PostgreSQL 17 renamed it.  The process of a virtual transaction, or NULL. */
static inline PGPROC *
vxid_proc(VirtualTransactionId vxid)
{
#if PG_VERSION_NUM >= 170000
	return ProcNumberGetProc(vxid.procNumber);
#else
	return BackendIdGetProc(vxid.backendId);
#endif
}

/* PostgreSQL 17 wants to be told how keys are copied. */
static inline dshash_parameters
dshash_parameters_for(size_t key_size, size_t entry_size,
					  dshash_compare_function compare, dshash_hash_function hash,
					  int tranche_id)
{
	dshash_parameters params = {
		.key_size = key_size,
		.entry_size = entry_size,
		.compare_function = compare,
		.hash_function = hash,
#if PG_VERSION_NUM >= 170000
		.copy_function = dshash_memcpy,
#endif
		.tranche_id = tranche_id
	};

	return params;
}

/* PostgreSQL 16 renamed it.  The index counts from 1. */
static inline PgBackendStatus *
backend_status_by_index(int index)
{
#if PG_VERSION_NUM >= 160000
	LocalPgBackendStatus *local = pgstat_get_local_beentry_by_index(index);
#else
	LocalPgBackendStatus *local = pgstat_fetch_stat_local_beentry(index);
#endif

	return local ? &local->backendStatus : NULL;
}

#endif							/* COMPAT_H */
