/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Locks that have a key and no name.
 *
 * A key is given where a name is: as text that begins with a byte which no
 * name can have, since it is no UTF-8.  Each key is written in one way only,
 * so that the same text is the same lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/name.h"
#include "libadvlock/internal.h"

#define MARK "\xFF"

const char *
advlock_key(char *buffer, int64_t key)
{
	snprintf(buffer, ADVLOCK_KEY_SIZE, MARK "%lld", (long long) key);
	return buffer;
}

const char *
advlock_key_pair(char *buffer, int32_t key1, int32_t key2)
{
	snprintf(buffer, ADVLOCK_KEY_SIZE, MARK "%ld,%ld", (long) key1, (long) key2);
	return buffer;
}

/* The halves of one number. */
static int64_t
join(int32_t high, int32_t low)
{
	return (int64_t) ((uint64_t) (uint32_t) high << 32 | (uint32_t) low);
}

/* What does not come out again as it was given is no key. */
advl_kind
advl_kind_of(const char *name, int64_t *key)
{
	char		again[ADVLOCK_KEY_SIZE];
	char	   *rest;
	int64_t		first;
	int64_t		second;

	if (name[0] != MARK[0])
		return ADVL_BY_NAME;
	*key = first = strtoll(name + 1, &rest, 10);
	if (strcmp(advlock_key(again, first), name) == 0)
		return ADVL_BY_BIGINT;
	if (*rest != ',')
		return ADVL_BY_NAME;
	second = strtoll(rest + 1, NULL, 10);
	*key = join((int32_t) first, (int32_t) second);
	return strcmp(advlock_key_pair(again, (int32_t) first, (int32_t) second), name) == 0 ?
		ADVL_BY_PAIR : ADVL_BY_NAME;
}

const char *
advl_lock_defect(const char *name)
{
	int64_t		key;

	return name != NULL && advl_kind_of(name, &key) != ADVL_BY_NAME ?
		NULL : advl_name_defect(name);
}

const char *
advl_parameter(const advl_lock *lock)
{
	return lock->kind == ADVL_BY_NAME ? lock->name : lock->key;
}
