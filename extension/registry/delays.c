/*-------------------------------------------------------------------------
 *
 * delays.c
 *	  The keys that lost sessions keep others off, in shared memory.
 *
 * There is room for as many as for names.  A role whose sessions have left so
 * many that there is no room for those of another makes way for it, until both
 * have as many: so nobody can take the protection of delays from others.
 *
 * For all calls the caller locks the table, by delay_lock.  Nothing in here
 * allocates, waits or raises an error: it is for sessions that are ending.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/proc.h"

#include "registry/delays.h"

/*
 * How many delays to pick, when there is no room, to find one of the role that
 * has most.  One that has half of them is missed once in 65,536 times.
 */
#define PICKS 16

/* Delays being put for one role, and how it gets room when the table is full */
typedef struct Putting
{
	Registry   *reg;
	Oid			role;
	bool		full;			/* the following have been found out */
	Oid			other;			/* the role that makes way */
	uint32		share;			/* for so many, yet */
	Place		hand;			/* there are none of its before this place */
} Putting;

static uint32
delay_hash(LockKey key)
{
	return lock_key_hash(MyDatabaseId, &key);
}

/* The delay of a key of this database, or NULL. */
Delay *
delay_find(Registry *reg, LockKey key)
{
	Delay	   *delay = table_first(&reg->delays, delay_hash(key));

	while (delay && !(delay->database == MyDatabaseId && lock_key_equal(&delay->key, &key)))
		delay = table_next(&reg->delays, delay);
	return delay;
}

void
delay_remove(Registry *reg, Delay *delay)
{
	table_unlink(&reg->delays, delay);
	table_give_back(&reg->delays, delay);
	pg_atomic_fetch_sub_u32(&reg->state->kept_off, 1);
}

/* Remove the delays that are over, of names that nobody asked for since. */
static void
remove_past(Registry *reg, int64 now)
{
	uint32		touched = table_touched(&reg->delays);

	if (pg_atomic_read_u32(&reg->state->kept_off) == 0)
		return;
	for (Place place = 1; place <= touched; place++)
	{
		Delay	   *delay = table_entry(&reg->delays, place);

		if (delay->link.linked && delay->until <= now)
			delay_remove(reg, delay);
	}
}

/*
 * Whose delays this session leaves.  A process of the server that is of no
 * role does what it does with the rights of the bootstrap superuser.
 */
static Oid
role_of_session(void)
{
	return OidIsValid(MyProc->roleId) ? MyProc->roleId : BOOTSTRAP_SUPERUSERID;
}

/* How many delays the sessions of a role have left. */
static uint32
count_of_role(Registry *reg, Oid role)
{
	uint32		touched = table_touched(&reg->delays);
	uint32		count = 0;

	for (Place place = 1; place <= touched; place++)
	{
		Delay	   *delay = table_entry(&reg->delays, place);

		if (delay->link.linked && delay->role == role)
			count++;
	}
	return count;
}

/* Find the role that has most of them, now that there is no more room. */
static void
find_share(Putting *putting, int64 now)
{
	Registry   *reg = putting->reg;
	uint32		most = count_of_role(reg, putting->role);
	uint32		own = most;

	putting->full = true;
	for (uint32 i = 0; i < PICKS; i++)
	{
		Place		pick = murmurhash32((uint32) now + i) % reg->state->delays.capacity + 1;
		Oid			role = ((Delay *) table_entry(&reg->delays, pick))->role;
		uint32		count = count_of_role(reg, role);

		if (count <= most)
			continue;
		most = count;
		putting->other = role;
		putting->share = (count - own) / 2;
	}
}

/* Remove one delay of the role that makes way, if it has to. */
static void
make_way(Putting *putting)
{
	Registry   *reg = putting->reg;

	if (putting->share == 0)
		return;
	putting->share--;
	while (putting->hand < reg->state->delays.capacity)
	{
		Delay	   *delay = table_entry(&reg->delays, ++putting->hand);

		if (delay->link.linked && delay->role == putting->other)
		{
			delay_remove(reg, delay);
			return;
		}
	}
}

/* A place for a new delay, or NULL if the role has its share. */
static Delay *
take_place(Putting *putting, int64 now)
{
	Delay	   *delay = table_take(&putting->reg->delays);

	if (delay)
		return delay;
	if (!putting->full)
		find_share(putting, now);
	make_way(putting);
	return table_take(&putting->reg->delays);
}

/*
 * Keep others off a key; nothing happens if there is no room.  Of a lock that
 * was shared, sessions of two roles can be lost: neither role may lift what the
 * other's left, whichever lasts longer, so only a superuser may.
 */
static void
put(Putting *putting, LockKey key, int64 now, int64 until)
{
	Registry   *reg = putting->reg;
	Delay	   *delay = delay_find(reg, key);

	if (!delay)
	{
		delay = take_place(putting, now);
		if (!delay)
			return;
		delay->database = MyDatabaseId;
		delay->key = key;
		delay->until = 0;
		delay->role = putting->role;
		table_link(&reg->delays, delay, delay_hash(key));
		pg_atomic_fetch_add_u32(&reg->state->kept_off, 1);
	}
	delay->until = Max(delay->until, until);
	if (delay->role != putting->role)
		delay->role = BOOTSTRAP_SUPERUSERID;
}

/* Keep others off all keys that next() gives, until then. */
void
delays_put(Registry *reg, NextKey next, void *arg, int64 now, int64 until)
{
	Putting		putting = {.reg = reg, .role = role_of_session()};
	LockKey		key;

	remove_past(reg, now);
	while (next(arg, &key))
		put(&putting, key, now, until);
}
