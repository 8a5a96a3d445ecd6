/*-------------------------------------------------------------------------
 *
 * views.c
 *	  What the views locks, stats and registry are made of.
 *
 * The rows of locks come from pg_locks; here are only the labels on them.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "functions/arguments.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "locking/lease.h"
#include "registry/board.h"
#include "registry/names.h"
#include "functions/row.h"
#include "functions/visible.h"
#include "base/settings.h"

PG_FUNCTION_INFO_V1(advisory_lock_label);
PG_FUNCTION_INFO_V1(advisory_lock_delayed_names);
PG_FUNCTION_INFO_V1(advisory_lock_known_leases);
PG_FUNCTION_INFO_V1(advisory_lock_name_statistics);
PG_FUNCTION_INFO_V1(advisory_lock_registry_counters);
PG_FUNCTION_INFO_V1(advisory_lock_has_registry);
PG_FUNCTION_INFO_V1(advisory_lock_reset_stats);
PG_FUNCTION_INFO_V1(advisory_lock_reset_stats_by_key);

/*
 * The name under which the session with that label, if it has one, has the
 * lock; or NULL.
 *
 * A lock can be taken by its key alone, so to have it is not to know its name.
 * Who may see the name is the role that used it: in the session of that row,
 * if it has a label of that name, or else whoever made it known last.
 */
static const char *
name_of_lock(LockKey key, const Label *label, bool *may_see)
{
	Registry   *reg = registry();
	const char *name = NULL;
	Oid			role = InvalidOid;

	*may_see = false;
	if (reg && label && (name = name_by_id(reg, &label->name, &role)) != NULL)
		*may_see = label->pid == MyProcPid || may_see_names_of(label->role);
	if (reg && !name)
		name = name_by_key(reg, key, &role);
	if (name)
	{
		*may_see = *may_see || may_see_names_of(role);
		return name;
	}
	*may_see = true;			/* this session has used it */
	return held_name(key);
}

/* Set a column to why somebody is kept off. */
static void
set_reason_column(Datum *value, bool *isnull, DelayReason reason)
{
	static const char *const words[] = {
		[HOLDER_LOST] = "holder lost", [SERVER_STARTED] = "server start", [LEASED] = "lease"
	};

	*isnull = reason == NOT_DELAYED;
	if (reason != NOT_DELAYED)
		*value = CStringGetTextDatum(words[reason]);
}

/*
 * label(key1 integer, key2 integer, pid integer, one_bigint boolean, OUT name text,
 *		 OUT acquired_at timestamptz, OUT delayed_until timestamptz, OUT token bigint,
 *		 OUT delay_reason text)
 *
 * What is known of a lock that is held or awaited by the session with that pid.
 * Of a key that is one bigint, key1 and key2 are the halves.
 */
Datum
advisory_lock_label(PG_FUNCTION_ARGS)
{
	LockKey		key = {
		PG_GETARG_INT32(0), PG_GETARG_INT32(1), PG_GETARG_BOOL(3) ? KEY_BIGINT : KEY_PAIR
	};
	Datum		values[5] = {0};
	bool		nulls[5] = {true, true, true, true, true};
	Registry   *reg = registry_attach();
	Label		label;
	bool		labelled = reg && !PG_ARGISNULL(2) &&
		label_copy(reg, &key, PG_GETARG_INT32(2), &label);
	bool		may_see;
	const char *name = name_of_lock(key, labelled ? &label : NULL, &may_see);

	set_name_column(&values[0], &nulls[0], name, may_see);
	if (labelled)
	{
		set_time_column(&values[1], &nulls[1], label.acquired_at);
		set_time_column(&values[2], &nulls[2], label.delayed_until);
		nulls[3] = label.acquired_at == 0;
		values[3] = Int64GetDatum(label.token);
		set_reason_column(&values[4], &nulls[4], label.delay_reason);
	}
	return row_result(row_type(fcinfo), values, nulls);
}

/*
 * delayed_names(OUT name text, OUT key1 integer, OUT key2 integer,
 *				 OUT delayed_until timestamptz, OUT one_bigint boolean)
 *	returns setof record
 *
 * The locks that are kept off since their holder was lost.
 */
Datum
advisory_lock_delayed_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Registry   *reg = registry_attach();
	int			count;
	Delay	   *delays = delays_under_way(&count);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		LockKey		key = delays[i].key;
		Datum		values[5] = {0};
		bool		nulls[5] = {false};
		Oid			role = InvalidOid;
		char	   *name = name_by_key(reg, key, &role);

		set_name_column(&values[0], &nulls[0], name, may_see_names_of(role));
		values[1] = Int32GetDatum(key.key1);
		values[2] = Int32GetDatum(key.key2);
		values[3] = TimestampTzGetDatum(delay_ends_at(&delays[i]));
		values[4] = BoolGetDatum(key.kind == KEY_BIGINT);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * The name of a lease: that by which it was taken; else, as of a lock that a
 * session has taken by its key, the one that is known for this key.
 */
static void
set_lease_name_column(Datum *value, bool *isnull, const Lease *lease, bool may_see)
{
	const char *name = lease->name;

	if (!name)
		name = name_of_lock(lease->key, NULL, &may_see);
	set_name_column(value, isnull, name, may_see);
}

/*
 * known_leases(OUT name text, OUT key1 integer, OUT key2 integer,
 *				OUT one_bigint boolean, OUT token bigint, OUT held_by text,
 *				OUT acquired_at timestamptz, OUT expires_at timestamptz)
 *	returns setof record
 */
Datum
advisory_lock_known_leases(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	(void) registry_attach();
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, leases_under_way())
	{
		Lease	   *lease = lfirst(cell);
		bool		may_see = may_see_names_of(get_role_oid(lease->owner, true));
		Datum		values[8] = {0};
		bool		nulls[8] = {false};

		set_lease_name_column(&values[0], &nulls[0], lease, may_see);
		values[1] = Int32GetDatum(lease->key.key1);
		values[2] = Int32GetDatum(lease->key.key2);
		values[3] = BoolGetDatum(lease->key.kind == KEY_BIGINT);
		values[4] = Int64GetDatum(lease->token);
		set_name_column(&values[5], &nulls[5], lease->holder, may_see);
		values[6] = TimestampTzGetDatum(lease->acquired_at);
		values[7] = TimestampTzGetDatum(lease->expires_at);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

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
