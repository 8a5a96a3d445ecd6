/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The shared memory in which names are known to all sessions.
 *
 * Nothing in it decides who holds a lock: that is for the lock manager.  It
 * adds names, times and counts, hands out fencing tokens by the block, and
 * remembers which names a lost session keeps others off.
 *
 * Its memory is reserved once, in full size: with the server's main shared
 * memory if the library is preloaded; else, from PostgreSQL 17 on, when it is
 * first used.  If it cannot be had, registry() stays NULL, and locking goes
 * on without.  See layout.h for what is in it.
 *
 * A session gets at it in registry_attach(), before it takes its first lock,
 * and not in the middle of anything.  After that nothing in here allocates,
 * maps memory, waits for longer than a copy takes, or raises an error.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/deadline.h"
#include "base/settings.h"
#include "registry/registry.h"

#define REGISTRY_NAME "advisory_lock"

/* After a failure, leave the memory alone for so long */
#define RETRY_AFTER (10 * USECS_PER_SEC)

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

Registry   *attached_registry = NULL;

static Registry access_data;
static RegistryState *preloaded_state = NULL;

/* The header by which the memory of a server without preloading is found */
static RegistryHeader *header = NULL;

/* It has another layout than this library: not to be tried again */
static bool incompatible = false;
static TimestampTz retry_at = 0;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static void
init_header(RegistryHeader *new)
{
	*new = (RegistryHeader) {
		.magic = REGISTRY_MAGIC,
		.layout = REGISTRY_LAYOUT,
		.sizes = {sizeof(RegistryState), sizeof(NameEntry), sizeof(Label), sizeof(Delay)},
		.max_names = max_names,
		.backends = MaxBackends
	};
	pg_atomic_init_u32(&new->attempt, 0);
	pg_atomic_init_u32(&new->ready, 0);
}

static bool
header_fits(const RegistryHeader *found)
{
	return found->magic == REGISTRY_MAGIC &&
		found->layout == REGISTRY_LAYOUT &&
		found->sizes[0] == sizeof(RegistryState) &&
		found->sizes[1] == sizeof(NameEntry) &&
		found->sizes[2] == sizeof(Label) &&
		found->sizes[3] == sizeof(Delay) &&
		found->backends == (uint32) MaxBackends;
}

/* Give a part of the memory away; returns where it begins. */
static char *
part(char **next, size_t size)
{
	char	   *begin = *next;

	*next += CACHELINEALIGN(size);
	return begin;
}

static TableAccess
table_parts(char **next, Table *table, uint32 capacity, size_t entry_size)
{
	TableAccess access = {.table = table, .entry_size = entry_size};

	access.buckets = (Place *) part(next, table_buckets(capacity) * sizeof(Place));
	access.entries = part(next, capacity * entry_size);
	return access;
}

/*
 * Say where everything is in the memory from base on, and return its size.
 * base need not be there yet.
 */
static size_t
lay_out(Registry *reg, char *base, uint32 names, uint32 backends)
{
	size_t		bitmap_size = BITMAP_WORDS((size_t) names) * sizeof(pg_atomic_uint64);
	char	   *next = base;

	reg->state = (RegistryState *) part(&next, sizeof(RegistryState));
	reg->names = table_parts(&next, &reg->state->names, names, sizeof(NameEntry));
	reg->labels = table_parts(&next, &reg->state->labels, names, sizeof(Label));
	reg->delays = table_parts(&next, &reg->state->delays, names, sizeof(Delay));
	reg->busy = (pg_atomic_uint64 *) part(&next, bitmap_size);
	reg->recent = (pg_atomic_uint64 *) part(&next, bitmap_size);
	reg->board = (BoardRow *) part(&next, backends * sizeof(BoardRow));
	return next - base;
}

static size_t
registry_size(uint32 names, uint32 backends)
{
	Registry	nowhere;

	return lay_out(&nowhere, NULL, names, backends);
}

static void
init_locks(RegistryState *state)
{
	int			tranche = new_lwlock_tranche(REGISTRY_NAME);

	register_lwlock_tranche(tranche, REGISTRY_NAME);
	state->tranche = tranche;
	for (int i = 0; i < PARTITIONS; i++)
		LWLockInitialize(&state->partitions[i].lock, tranche);
	LWLockInitialize(&state->delay_lock, tranche);
	LWLockInitialize(&state->token_lock, tranche);
}

static void
init_counters(RegistryState *state)
{
	pg_atomic_init_u32(&state->kept_off, 0);
	state->begun_at = 0;
	pg_atomic_init_u64(&state->running_since, 0);
	pg_atomic_init_u32(&state->hand, 0);
	pg_atomic_init_u64(&state->evicted, 0);
	pg_atomic_init_u64(&state->untracked, 0);
	ConditionVariableInit(&state->released);
	ConditionVariableInit(&state->let_in);
	for (int i = 0; i < TOKEN_BLOCKS; i++)
	{
		TokenBlock *block = &state->token_blocks[i];

		pg_atomic_init_u64(&block->owner, 0);
		pg_atomic_init_u64(&block->next, 1);
		pg_atomic_init_u64(&block->last, 0);
	}
}

/* Nothing is known of leases yet. */
static void
init_hints(RegistryState *state)
{
	for (int i = 0; i < LEASE_HINTS; i++)
		pg_atomic_init_u32(&state->lease_hints[i], 0);
	for (int i = 0; i < HINTED_DATABASES; i++)
		pg_atomic_init_u32(&state->hinted_databases[i], InvalidOid);
}

/* No place of a name may be evicted before there is something in it. */
static void
init_bitmaps(const Registry *reg, uint32 names)
{
	for (uint32 i = 0; i < BITMAP_WORDS(names); i++)
	{
		pg_atomic_init_u64(&reg->busy[i], ~UINT64CONST(0));
		pg_atomic_init_u64(&reg->recent[i], 0);
	}
}

/* Make new memory ready, in the postmaster or in the first session. */
static void
init_memory(void *memory, uint32 names, uint32 backends)
{
	Registry	reg;

	lay_out(&reg, memory, names, backends);
	init_locks(reg.state);
	init_counters(reg.state);
	init_hints(reg.state);
	init_bitmaps(&reg, names);
	table_init(&reg.names, names);
	table_init(&reg.labels, names);
	table_init(&reg.delays, names);
	for (uint32 i = 0; i < backends; i++)
		pg_atomic_init_u32(&reg.board[i].pid, 0);
}

/* === In a library that is preloaded === */

static void
request_shmem(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(registry_size(max_names, MaxBackends));
}

static void
startup_shmem(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	preloaded_state = ShmemInitStruct(REGISTRY_NAME, registry_size(max_names, MaxBackends), &found);
	if (!found)
	{
		init_memory(preloaded_state, max_names, MaxBackends);
		preloaded_state->begun_at = monotonic_us();
		init_header(&preloaded_state->header);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Reserve shared memory, if the server is just starting. */
void
registry_preload(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/* === In a library that is not === */

static void
NAMED_SEGMENT_INIT(init_header_segment)
{
	init_header(memory);
}

static void
NAMED_SEGMENT_INIT(init_state_segment)
{
	RegistryState *state = memory;

	init_memory(state, header->max_names, header->backends);
	state->header = *header;
	pg_atomic_write_u32(&header->ready, 1);
}

/*
 * The memory of this server, made if need be; leans on the server's registry
 * of dynamic shared memory.  Raises an error if it cannot be had.
 *
 * Everybody who asks for a segment must know its size, which depends on the
 * settings that its maker had; so those stand in a small one of fixed size.
 */
static RegistryState *
get_segments(void)
{
	char		name[NAMEDATALEN];

	header = get_named_segment(REGISTRY_NAME, sizeof(RegistryHeader), init_header_segment);
	if (!header_fits(header))
		return NULL;
	snprintf(name, sizeof(name), REGISTRY_NAME " %u", pg_atomic_read_u32(&header->attempt));
	return get_named_segment(name, registry_size(header->max_names, header->backends),
							 init_state_segment);
}

/*
 * A name under which a segment could not be made stays taken, by an entry that
 * is good for nothing.  So the next attempt uses another.
 */
static void
use_another_name(uint32 failed)
{
	if (header && header_fits(header) && pg_atomic_read_u32(&header->ready) == 0)
		pg_atomic_compare_exchange_u32(&header->attempt, &failed, failed + 1);
}

/* Tell the administrator why names are not known; not the user, who asked for a lock. */
static void
report_failure(const ErrorData *error)
{
	static bool reported = false;

	if (!reported)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not get shared memory for the names of advisory locks: %s",
						error->message),
				 errdetail("Locking goes on without names, statistics and delays.")));
	reported = true;
}

/*
 * The same without an error: NULL if it cannot be had.  An internal
 * subtransaction puts right what an error leaves behind: LWLocks, the
 * resources of a segment half made, the memory context.
 */
static RegistryState *
try_get_segments(void)
{
	MemoryContext caller_context = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	RegistryState *volatile state = NULL;
	ErrorData  *volatile error = NULL;
	volatile uint32 attempt = header ? pg_atomic_read_u32(&header->attempt) : 0;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		state = get_segments();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller_context);
	CurrentResourceOwner = caller_owner;

	if (error)
	{
		use_another_name(attempt);
		report_failure(error);
		FreeErrorData(error);
	}
	return state;
}

/* Once a session: it cannot get better before the server is restarted. */
static void
warn_of_other_layout(void)
{
	incompatible = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the names of advisory locks are kept by another version of the library"),
			 errdetail("This session locks without names, statistics and delays."),
			 errhint("Restart the server after an update of the extension.")));
}

/* The memory of a server without preloading, or NULL. */
static RegistryState *
segment_state(void)
{
	TimestampTz now;
	RegistryState *state;

	if (!HAVE_NAMED_SEGMENTS || incompatible || !IsTransactionState() ||
		(now = GetCurrentTimestamp()) < retry_at)
		return NULL;
	retry_at = now + RETRY_AFTER;
	state = try_get_segments();
	if (header && !header_fits(header))
		warn_of_other_layout();
	return state;
}

/* === In any === */

/*
 * Get at the registry, if that is possible and has not been done yet; returns
 * it, or NULL.  To be called before a session takes a lock and before it looks
 * at what others have, inside a transaction.
 */
Registry *
registry_attach(void)
{
	RegistryState *state;

	if (attached_registry)
		return attached_registry;
	state = preloaded_state ? preloaded_state : segment_state();
	if (!state)
		return NULL;
	register_lwlock_tranche(state->tranche, REGISTRY_NAME);
	lay_out(&access_data, (char *) state, state->header.max_names, state->header.backends);
	attached_registry = &access_data;
	return attached_registry;
}

/* The registry, for what cannot do without. */
Registry *
registry_or_error(void)
{
	Registry   *reg = registry_attach();

	if (!reg)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the registry of advisory lock names is not available"),
				 HAVE_NAMED_SEGMENTS ?
				 errdetail("Its shared memory could not be had; the server's log says why.") :
				 errdetail("Before PostgreSQL 17 it needs memory that is reserved when the server starts."),
				 errhint("Add \"advisory_lock\" to shared_preload_libraries and restart the server.")));
	return reg;
}
