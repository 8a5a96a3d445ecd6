/*-------------------------------------------------------------------------
 *
 * listing.c
 *	  The rows of the view locks.
 *
 * They are those of one copy of the live lock table, so nothing can make them
 * wrong; the registry adds what it knows, once that is copied.  Then come the
 * locks that nobody holds and that are kept off all the same.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "functions/labels.h"
#include "functions/row.h"
#include "functions/sessions.h"
#include "functions/visible.h"
#include "locking/delay.h"
#include "locking/held.h"
#include "locking/lease.h"
#include "registry/names.h"
#include "registry/told.h"

PG_FUNCTION_INFO_V1(advisory_lock_lock_rows);
PG_FUNCTION_INFO_V1(advisory_lock_blockers);

/* As the function is declared */
enum
{
	NAME,
	MODE,
	GRANTED,
	PID,
	USENAME,
	APPLICATION_NAME,
	CLIENT_ADDR,
	ACQUIRED_AT,
	WAITING_SINCE,
	TOKEN,
	BLOCKED_BY,
	KEY1,
	KEY2,
	DELAYED_UNTIL,
	DELAY_REASON,
	KEY,
	HELD_BY,
	EXPIRES_AT,
	QUEUED,
	COLUMNS
};

typedef struct Row
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
} Row;

typedef struct Listing
{
	ReturnSetInfo *result;
	MemoryContext context;		/* of the listing, and of each row: */
	MemoryContext row_context;
	Registry   *reg;			/* NULL: there is none */
	HTAB	   *sessions;
	HTAB	   *key_labels;		/* NULL: not read yet */
	Datum		exclusive;		/* words that many rows have */
	Datum		shared;
} Listing;

static void
set(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* A value that is a pointer, where 0 is NULL. */
static void
set_pointer(Row *row, int column, Datum pointer)
{
	if (pointer != 0)
		set(row, column, pointer);
}

static void
set_time(Row *row, int column, TimestampTz time)
{
	set_time_column(&row->values[column], &row->nulls[column], time);
}

static void
set_key(Row *row, LockKey key)
{
	if (key.kind == KEY_BIGINT)
		set(row, KEY, Int64GetDatum(bigint_of_key(key)));
	else
	{
		set(row, KEY1, Int32GetDatum(key.key1));
		set(row, KEY2, Int32GetDatum(key.key2));
	}
}

/* Set the column to why somebody is kept off. */
static void
set_reason(Row *row, DelayReason reason)
{
	static const char *const words[] = {
		[HOLDER_LOST] = "holder lost", [SERVER_STARTED] = "server start", [LEASED] = "lease"
	};

	if (reason != NOT_DELAYED)
		set(row, DELAY_REASON, CStringGetTextDatum(words[reason]));
}

/*
 * Set the name of a lock, which may be NULL; then a label that was given to the
 * key takes its place.
 */
static void
set_name(Listing *listing, Row *row, LockKey key, const char *name, bool may_see)
{
	MemoryContext row_context;

	if (name)
	{
		set_name_column(&row->values[NAME], &row->nulls[NAME], name, may_see);
		return;
	}
	if (!listing->key_labels)
	{
		row_context = MemoryContextSwitchTo(listing->context);
		listing->key_labels = all_key_labels();
		MemoryContextSwitchTo(row_context);
	}
	set_pointer(row, NAME, find_key_label(listing->key_labels, key));
}

/*
 * The name of a lock that is known by its key alone.  Who may see it is the
 * role that used it last.
 */
static const char *
name_of_key(Listing *listing, LockKey key, bool *may_see)
{
	Oid			role = InvalidOid;
	const char *name = listing->reg ? name_by_key(listing->reg, key, &role) : NULL;

	*may_see = name == NULL || may_see_names_of(role);
	return name ? name : held_name(key);	/* this session has used that */
}

/* Begin a row, of which all is NULL; until put_row() memory is for it alone. */
static void
begin_row(Listing *listing, Row *row)
{
	MemoryContextSwitchTo(listing->row_context);
	memset(row->nulls, true, sizeof(row->nulls));
}

static void
put_row(Listing *listing, Row *row)
{
	tuplestore_putvalues(listing->result->setResult, listing->result->setDesc,
						 row->values, row->nulls);
	MemoryContextSwitchTo(listing->context);
	MemoryContextReset(listing->row_context);
}

/* === What is held and awaited === */

/*
 * Set the name of a lock that the session holds or awaits.
 *
 * A lock can be taken by its key alone, so to have it is not to know its name.
 * Who may see the name is the role that used it: in that session, if it tells
 * of that name, or else whoever made it known last.
 */
static void
set_told_name(Listing *listing, Row *row, LockKey key, const Told *told)
{
	if (!listing->reg || told->name[0] == '\0')
		set_name(listing, row, key, held_name(key), true);
	else
		set_name(listing, row, key, told->name,
				 (told->names_it && (told->label.pid == MyProcPid ||
									 may_see_names_of(told->label.role))) ||
				 may_see_names_of(told->role));
}

/* Set what the session tells of the lock that it holds, if granted, or awaits. */
static void
set_told(Row *row, const Label *label, bool shared)
{
	bool		acquired = label->acquired_at != 0;

	/* A holder of a shared lock may wait until it can have it exclusively. */
	if (label->delayed_until != 0 && !(shared && acquired))
		row->values[GRANTED] = BoolGetDatum(false);
	set_time(row, ACQUIRED_AT, label->acquired_at);
	set_time(row, DELAYED_UNTIL, label->delayed_until);
	if (acquired)
		set(row, TOKEN, Int64GetDatum(label->token));
	set_reason(row, label->delay_reason);
}

static Datum
pid_array(const List *pids)
{
	Datum	   *values = palloc(list_length(pids) * sizeof(Datum));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, pids)
		values[count++] = Int32GetDatum(lfirst_int(cell));
	return PointerGetDatum(construct_array(values, count, INT4OID,
										   sizeof(int32), true, TYPALIGN_INT));
}

/*
 * Who is at the head of a permit queue and waits for any of several permits is
 * kept off by their holders.  All others that wait for a permit wait for a
 * lock, so pg_blocking_pids() knows of them.
 */
static void
set_blockers(Row *row, const Awaiter *awaiter, const LOCKTAG *tag)
{
	if (awaiter && memcmp(&awaiter->queue, tag, sizeof(LOCKTAG)) == 0)
		set(row, BLOCKED_BY, pid_array(awaiter->blockers));
}

static void
set_session(Row *row, const Session *session)
{
	set(row, PID, Int32GetDatum(session->pid));
	set_pointer(row, USENAME, session->user);
	set_pointer(row, APPLICATION_NAME, session->application);
	set_pointer(row, CLIENT_ADDR, session->client);
}

/*
 * Put the row of a lock in one mode, granted or not.  A prepared transaction
 * has no process ID, and no session.
 */
static void
put_lock(Listing *listing, const LockInstanceData *instance, LockKey key,
		 LOCKMODE mode, bool granted)
{
	Row			row;
	Told		told;
	Session    *session = NULL;

	if (instance->pid != 0)
		session = find_session(listing->sessions, listing->reg, instance->pid);
	begin_row(listing, &row);
	set(&row, MODE, mode == ShareLock ? listing->shared : listing->exclusive);
	set(&row, GRANTED, BoolGetDatum(granted));
	set(&row, QUEUED, BoolGetDatum(!granted));
	set_key(&row, key);
	if (session)
		set_session(&row, session);
	if (!granted)
		set_time(&row, WAITING_SINCE, instance->waitStart);
	else if (session)
		set_blockers(&row, session->awaiter, &instance->locktag);
	if (listing->reg)
	{
		tell_of_lock(listing->reg, &key, instance->pid, session ? session->labels : NULL,
					 session ? session->label_count : 0, &told);
		if (told.labelled)
			set_told(&row, &told.label, mode == ShareLock);
	}
	set_told_name(listing, &row, key, &told);
	put_row(listing, &row);
}

/* Put a row for each mode in which the lock is held, and one if it is awaited. */
static void
put_instance(Listing *listing, const LockInstanceData *instance)
{
	static const LOCKMODE modes[] = {ShareLock, ExclusiveLock};
	Oid			database;
	LockKey		key;

	if (!lock_tag_key(&instance->locktag, &database, &key) || database != MyDatabaseId)
		return;
	for (size_t i = 0; i < lengthof(modes); i++)
	{
		if ((instance->holdMask & LOCKBIT_ON(modes[i])) != 0)
			put_lock(listing, instance, key, modes[i], true);
	}
	for (size_t i = 0; i < lengthof(modes); i++)
	{
		if (instance->waitLockMode == modes[i])
			put_lock(listing, instance, key, modes[i], false);
	}
}

static void
put_locks(Listing *listing)
{
	LockData   *table = GetLockStatusData();
	ListCell   *cell;

	listing->sessions = all_sessions(listing->reg);
	foreach(cell, all_awaiters(table))
	{
		Awaiter    *awaiter = lfirst(cell);

		find_session(listing->sessions, listing->reg, awaiter->pid)->awaiter = awaiter;
	}
	for (int i = 0; i < table->nelements; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_instance(listing, &table->locks[i]);
	}
}

/* === What is kept off without a session === */

/* Begin a row of a lock that has no session. */
static void
begin_row_of_key(Listing *listing, Row *row, LockKey key)
{
	begin_row(listing, row);
	set(row, MODE, listing->exclusive);
	set(row, GRANTED, BoolGetDatum(true));
	set(row, QUEUED, BoolGetDatum(false));
	set_key(row, key);
}

/* Put the locks that are kept off since their holder was lost. */
static void
put_delays(Listing *listing)
{
	int			count;
	Delay	   *delays = delays_under_way(&count);
	Row			row;

	for (int i = 0; i < count; i++)
	{
		LockKey		key = delays[i].key;
		Oid			role = InvalidOid;
		const char *name;

		begin_row_of_key(listing, &row, key);
		name = name_by_key(listing->reg, key, &role);
		set_name(listing, &row, key, name, may_see_names_of(role));
		set(&row, DELAYED_UNTIL, TimestampTzGetDatum(delay_ends_at(&delays[i])));
		set_reason(&row, HOLDER_LOST);
		put_row(listing, &row);
	}
}

/*
 * Put a lease.  Its name is that by which it was taken; else, as of a lock that
 * a session has taken by its key, the one that is known for this key.
 */
static void
put_lease(Listing *listing, const Lease *lease)
{
	bool		may_see = may_see_names_of(get_role_oid(lease->owner, true));
	bool		may_see_name = may_see;
	const char *name = lease->name;
	Row			row;

	begin_row_of_key(listing, &row, lease->key);
	if (!name)
		name = name_of_key(listing, lease->key, &may_see_name);
	set_name(listing, &row, lease->key, name, may_see_name);
	set(&row, ACQUIRED_AT, TimestampTzGetDatum(lease->acquired_at));
	set(&row, TOKEN, Int64GetDatum(lease->token));
	set_name_column(&row.values[HELD_BY], &row.nulls[HELD_BY], lease->holder, may_see);
	set(&row, EXPIRES_AT, TimestampTzGetDatum(lease->expires_at));
	put_row(listing, &row);
}

/* === All === */

/* What core does not let the caller do does not go by us either. */
static void
check_may_call(Oid function)
{
	AclResult	result = may_call(function);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
}

static void
check_may_read(const char *view)
{
	AclResult	result = pg_class_aclcheck(get_relname_relid(view, PG_CATALOG_NAMESPACE),
										   GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_VIEW, view);
}

/*
 * lock_rows(OUT name text, ..., OUT queued boolean) returns setof record
 *
 * For the view locks.  queued: it waits for the lock in the lock table's own
 * way, so blockers() tells for whom.
 */
Datum
advisory_lock_lock_rows(PG_FUNCTION_ARGS)
{
	Listing		listing = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo, .reg = registry_attach(),
		.context = CurrentMemoryContext,
		.exclusive = CStringGetTextDatum("exclusive"), .shared = CStringGetTextDatum("shared")
	};
	ListCell   *cell;

	check_may_read("pg_locks");
	check_may_call(F_PG_LOCK_STATUS);
	check_may_read("pg_stat_activity");
	check_may_call(F_PG_STAT_GET_ACTIVITY);
	InitMaterializedSRF(fcinfo, 0);
	listing.row_context = AllocSetContextCreate(CurrentMemoryContext, "advisory_lock row",
												ALLOCSET_DEFAULT_SIZES);
	put_locks(&listing);
	put_delays(&listing);
	foreach(cell, leases_under_way())
		put_lease(&listing, lfirst(cell));
	return (Datum) 0;
}

/*
 * blockers(pid integer) returns integer[]: what pg_blocking_pids() does.
 *
 * That is volatile, so the planner would call it for each row of the view even
 * where nobody reads the column; and with a thousand in a queue it costs more
 * than all the rest.
 */
Datum
advisory_lock_blockers(PG_FUNCTION_ARGS)
{
	check_may_call(F_PG_BLOCKING_PIDS);
	return DirectFunctionCall1(pg_blocking_pids, PG_GETARG_DATUM(0));
}
