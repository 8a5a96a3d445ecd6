/*-------------------------------------------------------------------------
 *
 * evict.c
 *	  Making room for names in the registry.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "registry/evict.h"
#include "registry/names.h"
#include "base/settings.h"

/* The part of all names that makes way at once */
#define EVICTED_PART 8

/* When all names are in use, do not look again for so long */
#define FULL_PAUSE USECS_PER_SEC

/* A key in use, in the sorted array of them */
static int
compare_delay_ids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(DelayId));
}

/* The keys that anybody holds or awaits, sorted. */
static DelayId *
keys_in_use(int *count)
{
	LockData   *table = GetLockStatusData();
	DelayId    *keys = palloc(Max(table->nelements, 1) * sizeof(DelayId));

	*count = 0;
	for (int i = 0; i < table->nelements; i++)
	{
		DelayId    *key = &keys[*count];

		if (lock_tag_key(&table->locks[i].locktag, &key->database, &key->key))
			(*count)++;
	}
	qsort(keys, *count, sizeof(DelayId), compare_delay_ids);
	return keys;
}

static bool
may_evict(const NameEntry *entry, uint32 round, const DelayId *in_use, int count)
{
	/* The beginning of a NameId is a DelayId. */
	return entry->round != round &&
		bsearch(&entry->id, in_use, count, sizeof(DelayId), compare_delay_ids) == NULL;
}

/*
 * Make room.  A name that was used since this began is spared, and everybody
 * says so after the grant: so no name is removed whose lock was granted
 * between our look at the lock table and its removal.
 */
void
evict_names(Registry *reg)
{
	dshash_seq_status scan;
	NameEntry  *entry;
	DelayId    *in_use;
	int			in_use_count;
	uint32		round;
	int			most = max_names / EVICTED_PART + 1;
	int			evicted = 0;

	if (GetCurrentTimestamp() < (TimestampTz) pg_atomic_read_u64(&reg->state->full_until))
		return;
	LWLockAcquire(&reg->state->evict_lock, LW_EXCLUSIVE);
	round = pg_atomic_add_fetch_u32(&reg->state->evict_round, 1);
	in_use = keys_in_use(&in_use_count);

	dshash_seq_init(&scan, reg->names, true);
	while (evicted < most && (entry = dshash_seq_next(&scan)) != NULL)
	{
		if (!may_evict(entry, round, in_use, in_use_count))
			continue;
		dshash_delete_current(&scan);
		pg_atomic_fetch_sub_u32(&reg->state->names, 1);
		pg_atomic_fetch_add_u64(&reg->state->evicted, 1);
		evicted++;
	}
	dshash_seq_term(&scan);
	if (evicted == 0)
		pg_atomic_write_u64(&reg->state->full_until, GetCurrentTimestamp() + FULL_PAUSE);
	LWLockRelease(&reg->state->evict_lock);
	pfree(in_use);
}
