/*-------------------------------------------------------------------------
 *
 * views.c
 *	  What the views stats and registry are made of.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "functions/arguments.h"
#include "registry/names.h"
#include "functions/row.h"
#include "functions/visible.h"

PG_FUNCTION_INFO_V1(advisory_lock_name_statistics);
PG_FUNCTION_INFO_V1(advisory_lock_registry_counters);
PG_FUNCTION_INFO_V1(advisory_lock_has_registry);
PG_FUNCTION_INFO_V1(advisory_lock_reset_stats);
PG_FUNCTION_INFO_V1(advisory_lock_reset_stats_by_key);

static Datum
milliseconds(int64 us)
{
	return Float8GetDatum(us / 1000.0);
}

/* The key of a name is not shown: who sees it could try names. */
static void
put_statistics(ReturnSetInfo *rsinfo, NameEntry *entry)
{
	LockKey		key = entry->id.key;
	bool		named = entry->name[0] != '\0';
	Datum		values[13] = {0};
	bool		nulls[13] = {[10] = named, [11] = named, [12] = named};

	set_name_column(&values[0], &nulls[0], named ? entry->name : NULL, may_see_names_of(entry->role));
	values[1] = Int64GetDatum(pg_atomic_read_u64(&entry->acquisitions));
	values[2] = Int64GetDatum(entry->waits);
	values[3] = Int64GetDatum(entry->timeouts);
	values[4] = milliseconds(entry->total_wait);
	values[5] = milliseconds(entry->max_wait);
	values[6] = milliseconds(pg_atomic_read_u64(&entry->total_hold));
	values[7] = milliseconds(pg_atomic_read_u64(&entry->max_hold));
	set_time_column(&values[8], &nulls[8],
					pg_atomic_read_u64(&entry->last_acquired_at));
	values[9] = TimestampTzGetDatum(entry->stats_since);
	values[10] = Int32GetDatum(key.key1);
	values[11] = Int32GetDatum(key.key2);
	values[12] = BoolGetDatum(key.kind == KEY_BIGINT);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* name_statistics(OUT name text, ...) returns setof record; for the view stats */
Datum
advisory_lock_name_statistics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Registry   *reg = registry_or_error();
	uint32		places = table_touched(&reg->names);

	InitMaterializedSRF(fcinfo, 0);
	for (Place place = 1; place <= places; place++)
	{
		NameEntry	entry;

		if (name_copy(reg, place, &entry) && entry.id.database == MyDatabaseId)
			put_statistics(rsinfo, &entry);
	}
	return (Datum) 0;
}

/*
 * registry_counters(OUT names bigint, OUT max_names bigint, OUT evicted bigint,
 *					 OUT untracked bigint): the view registry
 */
Datum
advisory_lock_registry_counters(PG_FUNCTION_ARGS)
{
	Registry   *reg = registry_or_error();
	bool		nulls[4] = {false};
	Datum		values[4] = {
		Int64GetDatum(table_count(&reg->names)),
		Int64GetDatum(reg->state->header.max_names),
		Int64GetDatum(pg_atomic_read_u64(&reg->state->evicted)),
		Int64GetDatum(pg_atomic_read_u64(&reg->state->untracked))
	};

	return row_result(row_type(fcinfo), values, nulls);
}

/* has_registry() returns boolean: are names, statistics and delays kept? */
Datum
advisory_lock_has_registry(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(registry_attach() != NULL);
}

static void
reset_statistics_of(Registry *reg, const NameId *id)
{
	NameEntry  *entry = name_find(reg, id);

	if (!entry)
		return;
	reset_name_statistics(entry);
	name_unlock(reg, entry);
}

static void
reset_all_statistics(Registry *reg)
{
	uint32		places = table_touched(&reg->names);

	for (Place place = 1; place <= places; place++)
	{
		NameEntry	entry;

		if (name_copy(reg, place, &entry) && entry.id.database == MyDatabaseId)
			reset_statistics_of(reg, &entry.id);
	}
}

/* reset_stats(name text) returns void: of all names if NULL */
Datum
advisory_lock_reset_stats(PG_FUNCTION_ARGS)
{
	Registry   *reg = registry_or_error();

	if (PG_ARGISNULL(0))
		reset_all_statistics(reg);
	else
	{
		NamedLock	lock = named_lock_arg(fcinfo, 0);

		reset_statistics_of(reg, &lock.id);
	}
	PG_RETURN_VOID();
}

/* reset_stats(key bigint), reset_stats(key1 integer, key2 integer) return void */
Datum
advisory_lock_reset_stats_by_key(PG_FUNCTION_ARGS)
{
	int			next;
	NamedLock	lock = key_arg(fcinfo, &next);

	reset_statistics_of(registry_or_error(), &lock.id);
	PG_RETURN_VOID();
}
