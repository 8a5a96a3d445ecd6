/*-------------------------------------------------------------------------
 *
 * title.c
 *	  What a lock is called in messages.
 *
 * By its name; else by its key, and the tool that this is known to belong to:
 *
 *	"name"
 *	72707369 (Prisma Migrate)
 *	1,2
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/title.h"
#include "base/tools.h"

static char *
key_title(LockKey key, const char *tool)
{
	char	   *number = key.kind == KEY_BIGINT ?
		psprintf(INT64_FORMAT, bigint_of_key(key)) : psprintf("%d,%d", key.key1, key.key2);

	return tool ? psprintf("%s (%s)", number, tool) : number;
}

/* The title of a lock, palloc'd.  Reads the catalogs if it has no name. */
char *
lock_title(const NamedLock *lock)
{
	return lock->name ? psprintf("\"%s\"", lock->name) :
		key_title(lock->id.key, tool_of_key(lock->id.key));
}

/*
 * The same while an error is reported, when no catalog may be read: without
 * the tool unless prepare_tools() was called before.
 */
char *
prepared_title(const NamedLock *lock)
{
	return lock->name ? psprintf("\"%s\"", lock->name) :
		key_title(lock->id.key, prepared_tool(lock->id.key));
}
