/*-------------------------------------------------------------------------
 *
 * board.c
 *	  Labels: what a session tells the others about its locks.
 *
 * On the board every session has a row of its own, in which it alone writes,
 * by plain stores.  Who reads a label there looks at its sequence number
 * before and after, and again if that has changed.  Labels for which the row
 * has no room are in a table, locked by the partition of their key.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"

#include "registry/board.h"
#include "registry/names.h"

static BoardRow *my_row = NULL;

/* The last label on the board that was written: most often the one asked for */
static Label *last_written = NULL;

/* Labels of this session on the board, and in the table */
static int	labels_on_board = 0;
static int	labels_in_table = 0;

/* What the keys of the labels on the board differ in, to be looked through at once */
static int32 prints_on_board[LABELS_ON_BOARD];

static bool
on_board(const Label *label)
{
	return (uintptr_t) label - (uintptr_t) my_row->labels < sizeof(my_row->labels);
}

static bool
is_about(const Label *label, const LockKey *key, int pid)
{
	return label->pid == pid && label->name.database == MyDatabaseId &&
		lock_key_equal(&label->name.key, key);
}

/* === Writing === */

/* The session ends: take its labels down, before its row is another's. */
static void
close_board(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	Registry   *reg = registry();

	for (int i = 0; i < LABELS_ON_BOARD; i++)
	{
		if (my_row->labels[i].pid != 0)
			name_unpin(reg, label_remove(reg, &my_row->labels[i]));
	}
	for (Place place = table_touched(&reg->labels); labels_in_table > 0 && place > 0; place--)
	{
		Label	   *label = table_entry(&reg->labels, place);

		if (label->link.linked && label->pid == MyProcPid)
			name_unpin(reg, label_remove(reg, label));
	}
	pg_atomic_write_u32(&my_row->pid, 0);
	my_row = NULL;
	last_written = NULL;
}

static uint32
label_hash(const LockKey *key)
{
	return lock_key_hash(MyDatabaseId, key);
}

/* A session's label in the table, in a partition that is locked; or NULL. */
Label *
label_in_table(Registry *reg, const LockKey *key, int pid)
{
	Label	   *label = table_first(&reg->labels, label_hash(key));

	while (label && !is_about(label, key, pid))
		label = table_next(&reg->labels, label);
	return label;
}

static Label *
find_own_in_table(Registry *reg, const LockKey *key)
{
	LWLock	   *lock = partition_lock(reg, label_hash(key));
	Label	   *label;

	LWLockAcquire(lock, LW_SHARED);
	label = label_in_table(reg, key, MyProcPid);
	LWLockRelease(lock);
	return label;
}

static int32
print_of(const LockKey *key)
{
	return key->key1 ^ key->key2;
}

static pg_noinline Label *
search_board(const LockKey *key)
{
	int32		print = print_of(key);

	for (int i = 0; i < LABELS_ON_BOARD && labels_on_board > 0; i++)
	{
		if (prints_on_board[i] == print && is_about(&my_row->labels[i], key, MyProcPid))
			return &my_row->labels[i];
	}
	return NULL;
}

/* This session's label for a key on the board, or NULL. */
static inline Label *
find_own_on_board(const LockKey *key)
{
	if (last_written && is_about(last_written, key, MyProcPid))
		return last_written;
	return search_board(key);
}

/* This session's label for a key, or NULL. */
Label *
label_find(Registry *reg, const LockKey *key)
{
	Label	   *label = find_own_on_board(key);

	return label || labels_in_table == 0 ? label : find_own_in_table(reg, key);
}

/* A free place on the board, or NULL; most often the one that was left last. */
static Label *
free_on_board(void)
{
	if (last_written && last_written->pid == 0)
		return last_written;
	for (int i = 0; my_row && labels_on_board < LABELS_ON_BOARD && i < LABELS_ON_BOARD; i++)
	{
		if (my_row->labels[i].pid == 0)
			return &my_row->labels[i];
	}
	return NULL;
}

static void
fill(Label *label, const Label *contents)
{
	label->pid = MyProcPid;
	label->name = contents->name;
	label->place = contents->place;
	label->role = contents->role;
	label->acquired_at = contents->acquired_at;
	label->delayed_until = contents->delayed_until;
	label->delay_reason = contents->delay_reason;
	label->token = contents->token;
}

/* Put up a label in the table; false when it is full. */
static pg_noinline bool
put_in_table(Registry *reg, const Label *contents)
{
	uint32		hash = label_hash(&contents->name.key);
	LWLock	   *lock = partition_lock(reg, hash);
	Label	   *label = table_take(&reg->labels);

	if (!label)
		return false;
	fill(label, contents);
	LWLockAcquire(lock, LW_EXCLUSIVE);
	table_link(&reg->labels, label, hash);
	LWLockRelease(lock);
	labels_in_table++;
	return true;
}

/* Nobody reads the label from here until the end and is content with it. */
static void
begin_write_on_board(Label *label)
{
	pg_atomic_write_u32(&label->sequence, pg_atomic_read_u32(&label->sequence) + 1);
	pg_write_barrier();
}

static void
end_write_on_board(Label *label)
{
	pg_write_barrier();
	pg_atomic_write_u32(&label->sequence, pg_atomic_read_u32(&label->sequence) + 1);
}

static void
begin_write(Registry *reg, Label *label)
{
	if (on_board(label))
		begin_write_on_board(label);
	else
		LWLockAcquire(partition_lock(reg, label->link.hash), LW_EXCLUSIVE);
}

static void
end_write(Registry *reg, Label *label)
{
	if (on_board(label))
		end_write_on_board(label);
	else
		LWLockRelease(partition_lock(reg, label->link.hash));
}

/* Take this session's row, once; from then on until its end it has labels. */
void
board_open(Registry *reg)
{
	static bool opened = false;
	ptrdiff_t	index = MyProc - ProcGlobal->allProcs;

	if (opened || index < 0 || index >= reg->state->header.backends)
		return;
	opened = true;
	before_shmem_exit(close_board, (Datum) 0);
	my_row = &reg->board[index];
	/* somebody may be reading what the last session of this row has left */
	for (int i = 0; i < LABELS_ON_BOARD; i++)
	{
		begin_write(reg, &my_row->labels[i]);
		my_row->labels[i].pid = 0;
		end_write(reg, &my_row->labels[i]);
	}
	pg_atomic_write_u32(&my_row->pid, MyProcPid);
}

/*
 * Write what a label of this session says, in place of what it said of the same
 * lock.  Of the contents, link, sequence and pid are not used.
 */
void
label_write(Registry *reg, Label *label, const Label *contents)
{
	if (on_board(label))
		last_written = label;
	begin_write(reg, label);
	fill(label, contents);
	end_write(reg, label);
}

/*
 * Put up a label for a lock for which this session has none.  False, without
 * one, if there is no room.
 */
bool
label_put(Registry *reg, const Label *contents)
{
	Label	   *label = free_on_board();

	if (!label)
		return my_row && put_in_table(reg, contents);
	prints_on_board[label - my_row->labels] = print_of(&contents->name.key);
	last_written = label;
	labels_on_board++;
	begin_write_on_board(label);
	fill(label, contents);
	end_write_on_board(label);
	return true;
}

static void
remove_from_board(Label *label)
{
	begin_write_on_board(label);
	label->pid = 0;
	end_write_on_board(label);
	last_written = label;		/* the place to be taken next */
	labels_on_board--;
}

/* Its partition is locked, and is not any more afterwards. */
static void
remove_from_table(Registry *reg, Label *label, LWLock *lock)
{
	label->pid = 0;
	table_unlink(&reg->labels, label);
	LWLockRelease(lock);
	table_give_back(&reg->labels, label);
	labels_in_table--;
}

/* Take a label of this session down; the place of its name, to be unpinned. */
Place
label_remove(Registry *reg, Label *label)
{
	Place		place = label->place;

	if (on_board(label))
		remove_from_board(label);
	else
	{
		LWLock	   *lock = partition_lock(reg, label->link.hash);

		LWLockAcquire(lock, LW_EXCLUSIVE);
		remove_from_table(reg, label, lock);
	}
	return place;
}

static pg_noinline Place
take_down_in_table(Registry *reg, const LockKey *key)
{
	LWLock	   *lock = partition_lock(reg, label_hash(key));
	Label	   *label;
	Place		place;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	label = label_in_table(reg, key, MyProcPid);
	if (!label)
	{
		LWLockRelease(lock);
		return 0;
	}
	place = label->place;
	remove_from_table(reg, label, lock);
	return place;
}

/* The same for the label of a key, if there is one; else 0. */
Place
label_take_down(Registry *reg, const LockKey *key)
{
	Label	   *label = find_own_on_board(key);

	if (!label)
		return labels_in_table == 0 ? 0 : take_down_in_table(reg, key);
	remove_from_board(label);
	return label->place;
}

/* === Reading === */

/* Copy a label of another session's on the board, when it is not being written. */
void
label_read(const Label *label, Label *copy)
{
	uint32		before;
	uint32		after;

	do
	{
		before = pg_atomic_read_u32(&unconstify(Label *, label)->sequence);
		pg_read_barrier();
		*copy = *label;
		pg_read_barrier();
		after = pg_atomic_read_u32(&unconstify(Label *, label)->sequence);
	} while (before != after || before % 2 != 0);
}

/* The row of a session, or NULL; the last one asked for is found at once. */
static BoardRow *
find_row(Registry *reg, int pid)
{
	static uint32 last = 0;
	uint32		rows = reg->state->header.backends;

	for (uint32 i = 0; i < rows; i++)
	{
		uint32		index = (last + i) % rows;

		if (pg_atomic_read_u32(&reg->board[index].pid) == (uint32) pid)
		{
			last = index;
			return &reg->board[index];
		}
	}
	return NULL;
}

static bool
copy_from_row(const BoardRow *row, const LockKey *key, int pid, Label *copy)
{
	for (int i = 0; i < LABELS_ON_BOARD; i++)
	{
		label_read(&row->labels[i], copy);
		if (is_about(copy, key, pid))
			return true;
	}
	return false;
}

static bool
copy_from_table(Registry *reg, const LockKey *key, int pid, Label *copy)
{
	LWLock	   *lock = partition_lock(reg, label_hash(key));
	Label	   *label;

	LWLockAcquire(lock, LW_SHARED);
	label = label_in_table(reg, key, pid);
	if (label)
		*copy = *label;
	LWLockRelease(lock);
	return label != NULL;
}

/* What a session tells about a lock; false if that is nothing. */
bool
label_copy(Registry *reg, const LockKey *key, int pid, Label *copy)
{
	BoardRow   *row = find_row(reg, pid);

	return (row && copy_from_row(row, key, pid, copy)) ||
		copy_from_table(reg, key, pid, copy);
}
