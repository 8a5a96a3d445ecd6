/*-------------------------------------------------------------------------
 *
 * held.c
 *	  What a handle holds.
 *
 * Entries are made before a lock is asked for, so that a lock once granted
 * never lacks the memory to be remembered.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "libadvlock/internal.h"

/* A lock taken once; NULL when memory ran out. */
advl_lock *
advl_lock_new(const char *name, bool shared)
{
	size_t		size = strlen(name) + 1;
	advl_lock  *lock = calloc(1, sizeof(advl_lock) + 2 * size + 2);
	int64_t		key;
	char	   *title;

	if (lock == NULL)
		return NULL;
	lock->kind = advl_kind_of(name, &key);
	lock->shared = shared;
	lock->count = 1;
	memcpy(lock->name, name, size);
	lock->title = title = lock->name + size;
	if (lock->kind == ADVL_BY_NAME)
		snprintf(title, size + 2, "\"%s\"", name);
	else
	{
		snprintf(title, size + 2, "%s", name + 1);
		snprintf(lock->key, sizeof(lock->key), "%lld", (long long) key);
	}
	return lock;
}

void
advl_locks_free(advl_lock **list)
{
	while (*list != NULL)
	{
		advl_lock  *lock = *list;

		*list = lock->next;
		free(lock);
	}
}

/* The first of those wanted has been had. */
void
advl_wanted_to_taken(advlock *h)
{
	advl_lock  *lock = h->op.wanted;

	h->op.wanted = lock->next;
	lock->next = h->op.taken;
	h->op.taken = lock;
}

/* The first of that name, in any mode. */
advl_lock *
advl_find(advl_lock *list, const char *name)
{
	while (list != NULL && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

/* The plain lock (not a permit) of that name and mode. */
advl_lock *
advl_find_mode(advl_lock *list, const char *name, bool shared)
{
	while ((list = advl_find(list, name)) != NULL)
	{
		if (list->permit == 0 && list->shared == shared)
			return list;
		list = list->next;
	}
	return NULL;
}

/* The server has one token for a name, whatever the modes it is held in. */
static void
renew_token(advlock *h, const advl_lock *lock)
{
	for (advl_lock *l = h->held; (l = advl_find(l, lock->name)) != NULL; l = l->next)
	{
		if (l->permit == 0)
			l->token = lock->token;
	}
}

/* Remember a lock that was granted; the handle owns it now. */
void
advl_hold(advlock *h, advl_lock *lock)
{
	advl_lock  *before = NULL;

	if (lock->permit == 0)
	{
		renew_token(h, lock);
		before = advl_find_mode(h->held, lock->name, lock->shared);
	}
	if (before != NULL)
	{
		before->count++;
		free(lock);
		return;
	}
	lock->next = h->held;
	h->held = lock;
}

/* Remember a whole list; returns ADVLOCK_OK. */
advlock_result
advl_hold_all(advlock *h, advl_lock **list)
{
	while (*list != NULL)
	{
		advl_lock  *lock = *list;

		*list = lock->next;
		advl_hold(h, lock);
	}
	return ADVLOCK_OK;
}

/* Drop an entry of h->held altogether. */
void
advl_forget(advlock *h, advl_lock *lock)
{
	advl_lock **link = &h->held;

	while (*link != NULL && *link != lock)
		link = &(*link)->next;
	if (*link == NULL)
		return;
	*link = lock->next;
	free(lock);
}
