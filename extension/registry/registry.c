/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The shared memory in which names are known to all sessions.
 *
 * It consists of counters and of hash tables, which are PostgreSQL's own
 * (dshash in a DSA area).  Nothing in it decides who holds a lock: that is for
 * the lock manager.  It adds names, times and counts, hands out fencing tokens
 * by the block, and remembers which names a lost session keeps others off.
 *
 * From PostgreSQL 17 on it comes into being when it is first used; before, the
 * library must be preloaded, and without that registry() returns NULL and its
 * callers do without.
 *
 * Rules for those who use a table:
 *	- an entry is locked between dshash_find() and dshash_release_lock(); in
 *	  between nothing may raise an error, allocate or wait;
 *	- two entries are never locked at once;
 *	- an entry may be missing at any time, since others make room.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/dsa.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "locking/delay.h"
#include "registry/label.h"
#include "registry/names.h"
#include "registry/registry.h"
#include "base/settings.h"
#include "tokens/token_block.h"

#define SEGMENT_NAME "advisory_lock"

/* What the tables need while they are small, without a segment of their own */
#define AREA_SIZE (512 * 1024)
#define STATE_SIZE (offsetof(RegistryState, area) + AREA_SIZE)

static RegistryState *preloaded_state = NULL;
static Registry *attached = NULL;
static bool exiting = false;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* Any name with that key. */
static int
compare_keys(const void *a, const void *b,
			 size_t size pg_attribute_unused(), void *arg pg_attribute_unused())
{
	return memcmp(a, b, offsetof(NameId, more));
}

/* Any name with that key but this one. */
static int
compare_namesakes(const void *a, const void *b,
				  size_t size, void *arg pg_attribute_unused())
{
	if (memcmp(a, b, offsetof(NameId, more)) != 0)
		return 1;
	return memcmp(a, b, size) == 0;
}

/* Names with one key are in one bucket, so that they can be found by it. */
static dshash_hash
hash_key(const void *id, size_t size pg_attribute_unused(), void *arg)
{
	return dshash_memhash(id, offsetof(NameId, more), arg);
}

static dshash_parameters
names_parameters(dshash_compare_function compare, int tranche)
{
	return dshash_parameters_for(sizeof(NameId), sizeof(NameEntry), compare, hash_key, tranche);
}

static dshash_parameters
plain_parameters(size_t key_size, size_t entry_size, int tranche)
{
	return dshash_parameters_for(key_size, entry_size, dshash_memcmp, dshash_memhash, tranche);
}

static dshash_table_handle
create_table(dsa_area *area, dshash_parameters params)
{
	dshash_table *table = dshash_create(area, &params, NULL);
	dshash_table_handle handle = dshash_get_hash_table_handle(table);

	dshash_detach(table);
	return handle;
}

/* Make new shared memory ready, in the postmaster or in the first session. */
static void
init_state(void *ptr)
{
	RegistryState *state = (RegistryState *) ptr;
	dsa_area   *area;

	state->tranche = LWLockNewTrancheId();
	LWLockRegisterTranche(state->tranche, SEGMENT_NAME);
	LWLockInitialize(&state->evict_lock, state->tranche);
	pg_atomic_init_u32(&state->evict_round, 0);
	pg_atomic_init_u32(&state->names, 0);
	pg_atomic_init_u32(&state->delays, 0);
	pg_atomic_init_u64(&state->full_until, 0);
	pg_atomic_init_u64(&state->evicted, 0);
	pg_atomic_init_u64(&state->untracked, 0);
	ConditionVariableInit(&state->released);

	/* The postmaster must not create segments, so the limit comes off later. */
	area = dsa_create_in_place(state->area, AREA_SIZE, state->tranche, NULL);
	dsa_pin(area);
	dsa_set_size_limit(area, AREA_SIZE);
	state->names_handle =
		create_table(area, names_parameters(dshash_memcmp, state->tranche));
	state->labels_handle =
		create_table(area, plain_parameters(sizeof(LabelId), sizeof(Label), state->tranche));
	state->delays_handle =
		create_table(area, plain_parameters(sizeof(DelayId), sizeof(Delay), state->tranche));
	state->token_blocks_handle =
		create_table(area, plain_parameters(sizeof(Oid), sizeof(TokenBlock), state->tranche));
	dsa_set_size_limit(area, SIZE_MAX);
	dsa_detach(area);
}

static void
request_shmem(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(STATE_SIZE);
}

static void
startup_shmem(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	preloaded_state = ShmemInitStruct(SEGMENT_NAME, STATE_SIZE, &found);
	if (!found)
		init_state(preloaded_state);
	LWLockRelease(AddinShmemInitLock);
}

/* Reserve shared memory, where that must be done while the server starts. */
void
registry_preload(void)
{
	if (HAVE_DSM_REGISTRY || !process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/*
 * The last use, while the session still holds its locks.
 */
static void
at_session_end(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	RegistryState *state = attached->state;

	label_remove_all();
	exiting = true;
	attached = NULL;
	dsa_release_in_place(state->area);
}

static void
attach(RegistryState *state)
{
	MemoryContext caller_context = MemoryContextSwitchTo(TopMemoryContext);
	Registry   *reg = palloc(sizeof(Registry));
	int			tranche = state->tranche;
	dshash_parameters params;
	dsa_area   *area;

	LWLockRegisterTranche(tranche, SEGMENT_NAME);
	area = dsa_attach_in_place(state->area, NULL);
	dsa_pin_mapping(area);

	reg->state = state;
	params = names_parameters(dshash_memcmp, tranche);
	reg->names = dshash_attach(area, &params, state->names_handle, NULL);
	params = names_parameters(compare_keys, tranche);
	reg->names_by_key = dshash_attach(area, &params, state->names_handle, NULL);
	params = names_parameters(compare_namesakes, tranche);
	reg->namesakes = dshash_attach(area, &params, state->names_handle, NULL);
	params = plain_parameters(sizeof(LabelId), sizeof(Label), tranche);
	reg->labels = dshash_attach(area, &params, state->labels_handle, NULL);
	params = plain_parameters(sizeof(DelayId), sizeof(Delay), tranche);
	reg->delays = dshash_attach(area, &params, state->delays_handle, NULL);
	params = plain_parameters(sizeof(Oid), sizeof(TokenBlock), tranche);
	reg->token_blocks = dshash_attach(area, &params, state->token_blocks_handle, NULL);

	MemoryContextSwitchTo(caller_context);
	attached = reg;
	before_shmem_exit(at_session_end, (Datum) 0);
}

/* The registry, or NULL where there is none. */
Registry *
registry(void)
{
	if (!attached && !exiting)
	{
		RegistryState *state = HAVE_DSM_REGISTRY ?
			get_named_dsm_segment(SEGMENT_NAME, STATE_SIZE, init_state) : preloaded_state;

		if (state)
			attach(state);
	}
	return attached;
}

/* The registry, for names and statistics; NULL if they are not wanted. */
Registry *
tracking_registry(void)
{
	return track ? registry() : NULL;
}

/* The registry, for what cannot do without. */
Registry *
registry_or_error(void)
{
	Registry   *reg = registry();

	if (!reg)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the registry of advisory lock names is not available"),
				 errdetail("Before PostgreSQL 17 it needs memory that is reserved when the server starts."),
				 errhint("Add \"advisory_lock\" to shared_preload_libraries and restart the server.")));
	return reg;
}
