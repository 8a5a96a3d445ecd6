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

#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/rel.h"

/* PostgreSQL 16 took it out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

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
 * Returns that memory, made ready by the function init if it is new, which is
 * declared with NAMED_SEGMENT_INIT().
 */
#if PG_VERSION_NUM >= 190000
#define HAVE_NAMED_SEGMENTS true
#define NAMED_SEGMENT_INIT(init) init(void *memory, void *arg pg_attribute_unused())
static inline void *
get_named_segment(const char *name, size_t size, void (*init) (void *, void *))
{
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found, NULL);
}
#elif PG_VERSION_NUM >= 170000
#define HAVE_NAMED_SEGMENTS true
#define NAMED_SEGMENT_INIT(init) init(void *memory)
static inline void *
get_named_segment(const char *name, size_t size, void (*init) (void *))
{
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
}
#else
#define HAVE_NAMED_SEGMENTS false
#define NAMED_SEGMENT_INIT(init) init(void *memory)
static inline void *
get_named_segment(const char *name, size_t size, void (*init) (void *))
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

/* PostgreSQL 19 keeps the names of tranches in shared memory. */
#if PG_VERSION_NUM >= 190000
static inline int
new_lwlock_tranche(const char *name)
{
	return LWLockNewTrancheId(name);
}

static inline void
register_lwlock_tranche(int tranche, const char *name)
{
	(void) tranche, (void) name;
}
#else
static inline int
new_lwlock_tranche(const char *name)
{
	(void) name;
	return LWLockNewTrancheId();
}

static inline void
register_lwlock_tranche(int tranche, const char *name)
{
	LWLockRegisterTranche(tranche, name);
}
#endif

/* PostgreSQL 16 renamed it: which file a relation is in. */
#if PG_VERSION_NUM >= 160000
static inline RelFileLocator
relation_file(Relation rel)
{
	return rel->rd_locator;
}
#else
typedef RelFileNode RelFileLocator;
static inline RelFileLocator
relation_file(Relation rel)
{
	return rel->rd_node;
}
#endif

/*
 * PostgreSQL 19 widened the state: does the buffer hold the page of that tag,
 * and nobody is changing that?  Reads no more than its header, without a lock.
 * Tags have no padding, core hashes them.
 */
static inline bool
buffer_holds(BufferDesc *buffer, const BufferTag *tag)
{
#if PG_VERSION_NUM >= 190000
	uint64		state = pg_atomic_read_u64(&buffer->state);
#else
	uint32		state = pg_atomic_read_u32(&buffer->state);
#endif

	return (state & (BM_LOCKED | BM_VALID)) == BM_VALID &&
		memcmp(&buffer->tag, tag, sizeof(BufferTag)) == 0;
}

/*
 * PostgreSQL 16 renamed a part of it.  Would a rollback of this transaction
 * take the relation's file away?
 */
static inline bool
relation_file_is_new(Relation rel)
{
#if PG_VERSION_NUM >= 160000
	SubTransactionId since = rel->rd_firstRelfilelocatorSubid;
#else
	SubTransactionId since = rel->rd_firstRelfilenodeSubid;
#endif
	return rel->rd_createSubid != InvalidSubTransactionId || since != InvalidSubTransactionId;
}

/* PostgreSQL 18 asks whether it may be deferrable.  Invalid if there is none. */
static inline Oid
primary_key_index(Relation rel)
{
#if PG_VERSION_NUM >= 180000
	return RelationGetPrimaryKeyIndex(rel, false);
#else
	return RelationGetPrimaryKeyIndex(rel);
#endif
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

/* PostgreSQL 16 names backends in another way, for pg_stat_get_backend_client_addr(). */
static inline int
backend_id_by_index(int index)
{
#if PG_VERSION_NUM >= 170000
	return pgstat_get_local_beentry_by_index(index)->proc_number;
#elif PG_VERSION_NUM >= 160000
	return pgstat_get_local_beentry_by_index(index)->backend_id;
#else
	return index;
#endif
}

/* PostgreSQL 16 has one function for all kinds of objects. */
static inline AclResult
may_call(Oid function)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE);
#else
	return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE);
#endif
}

#endif							/* COMPAT_H */
