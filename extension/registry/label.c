/*-------------------------------------------------------------------------
 *
 * label.c
 *	  What a session tells the others about a lock it holds or awaits.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "registry/label.h"
#include "registry/names.h"

/* How many labels this session has up */
static int	labels_up = 0;

static LabelId
label_id(LockKey key, int pid)
{
	return (LabelId) {MyDatabaseId, key, pid};
}

/* Put up this session's label for a lock, in place of an earlier one. */
void
label_put(const NameId *name, TimestampTz acquired_at, TimestampTz delayed_until, int64 token)
{
	Registry   *reg = tracking_registry();
	LabelId		id = label_id(name->key, MyProcPid);
	Label	   *label;
	bool		found;

	if (!reg)
		return;
	label = dshash_find_or_insert(reg->labels, &id, &found);
	*label = (Label) {id, *name, acquired_at, delayed_until, token};
	dshash_release_lock(reg->labels, label);
	if (!found)
		labels_up++;
}

/* Take down this session's label for a lock, if there is one. */
void
label_remove(LockKey key)
{
	Registry   *reg = registry();
	LabelId		id = label_id(key, MyProcPid);

	if (reg && labels_up > 0 && dshash_delete_key(reg->labels, &id))
		labels_up--;
}

/* Take down what the session has up when it ends, in the middle of a wait say. */
void
label_remove_all(void)
{
	Registry   *reg = registry();
	dshash_seq_status scan;
	Label	   *label;

	if (!reg || labels_up == 0)
		return;
	dshash_seq_init(&scan, reg->labels, true);
	while ((label = dshash_seq_next(&scan)) != NULL)
	{
		if (label->id.pid == MyProcPid)
			dshash_delete_current(&scan);
	}
	dshash_seq_term(&scan);
	labels_up = 0;
}

/* What a session tells about a lock; false if nothing is known. */
bool
label_find(LockKey key, int pid, Label *copy)
{
	Registry   *reg = registry();
	LabelId		id = label_id(key, pid);
	Label	   *label = reg ? dshash_find(reg->labels, &id, false) : NULL;

	if (!label)
		return name_holder(key, pid, copy);
	*copy = *label;
	dshash_release_lock(reg->labels, label);
	return true;
}
