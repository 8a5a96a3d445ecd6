/*-------------------------------------------------------------------------
 *
 * told.c
 *	  What sessions tell about their locks, for who asks about very many.
 *
 * label_copy() looks for one label.  Who lists thousands of locks copies a
 * session's labels off the board once, and has what is in the tables, the
 * label and the name, by locking the partition of the key once.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "registry/board.h"
#include "registry/names.h"
#include "registry/told.h"

/* Whose row of the board that is; 0: nobody's. */
int
board_pid(Registry *reg, uint32 row)
{
	return (int) pg_atomic_read_u32(&reg->board[row].pid);
}

/*
 * Copy a session's labels about locks of this database from its row, up to
 * LABELS_ON_BOARD; how many there are.
 */
int
board_copy(Registry *reg, uint32 row, int pid, Label *copies)
{
	int			count = 0;

	for (int i = 0; i < LABELS_ON_BOARD; i++)
	{
		Label	   *copy = &copies[count];

		label_read(&reg->board[row].labels[i], copy);
		if (copy->pid == pid && copy->name.database == MyDatabaseId)
			count++;
	}
	return count;
}

/*
 * The entry of the name with an identity, or of any with that key, likewise.
 */
static const NameEntry *
find_name(Registry *reg, const LockKey *key, const NameId *id, uint32 hash)
{
	const NameEntry *any = NULL;

	for (const NameEntry *entry = table_first(&reg->names, hash); entry;
		 entry = table_next(&reg->names, entry))
	{
		if (entry->name[0] == '\0' || entry->id.database != MyDatabaseId ||
			!lock_key_equal(&entry->id.key, key))
			continue;
		if (!id || name_id_equal(&entry->id, id))
			return entry;
		if (!any)
			any = entry;
	}
	return any;
}

/*
 * What is known of a lock that the session with that pid, where 0 is none,
 * holds or awaits: what it tells itself, of which on_board is what board_copy()
 * gave; and the name, that which it tells of or else any with that key.
 */
void
tell_of_lock(Registry *reg, const LockKey *key, int pid, const Label *on_board, int count,
			 Told *told)
{
	uint32		hash = lock_key_hash(MyDatabaseId, key);
	LWLock	   *lock = partition_lock(reg, hash);
	const Label *label = NULL;
	const NameEntry *entry;

	for (int i = 0; i < count && !label; i++)
	{
		if (lock_key_equal(&on_board[i].name.key, key))
			label = &on_board[i];
	}
	LWLockAcquire(lock, LW_SHARED);
	if (!label && pid != 0)
		label = label_in_table(reg, key, pid);
	told->labelled = label != NULL;
	if (label)
		told->label = *label;
	entry = find_name(reg, key, label ? &label->name : NULL, hash);
	told->name[0] = '\0';
	if (entry)
	{
		strlcpy(told->name, entry->name, NAME_ROOM);
		told->role = entry->role;
		told->names_it = label && name_id_equal(&entry->id, &label->name);
	}
	LWLockRelease(lock);
}
