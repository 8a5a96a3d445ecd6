/*-------------------------------------------------------------------------
 *
 * deadlock.c
 *	  Deadlocks in which somebody awaits any one of several locks.
 *
 * PostgreSQL finds a deadlock among processes that each wait for one lock.
 * The head of a permit queue waits for whichever permit is released first, and
 * sleeps outside of the lock table, see awaited.c.  So from time to time it
 * looks itself whether anybody can still release one.
 *
 * It looks at one copy of the lock table, taken at one moment, so it takes
 * nobody for waiting who is not.  A process can go on if it waits for nothing;
 * if it waits for a lock and all who keep it off can go on; or if it awaits
 * any of several locks and the holders of one of them can go on.  The others
 * are stuck.  If the head is, then it is the one to give up, unless what it is
 * stuck in does not depend on it: then it is somebody else's deadlock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/mode.h"
#include "locking/awaited.h"
#include "locking/deadlock.h"
#include "locking/held.h"

/* How many processes the error message tells of */
#define SHOWN_PROCESSES 20

/* A process, or a group of parallel ones under the ID of its leader */
typedef struct Process
{
	int			pid;
	const LockInstanceData *wait;	/* of the lock table; NULL: not for one lock */
	List	   *ways;			/* to go on: each a list of pids that all have to go on */
	bool		can_go_on;
	bool		reached;
} Process;

/* The processes on which the head depends, itself first */
typedef struct Graph
{
	const LockData *table;
	const LOCKTAG *queue;		/* at whose head it is */
	List	   *processes;
} Graph;

static bool
same_tag(const LOCKTAG *a, const LOCKTAG *b)
{
	return memcmp(a, b, sizeof(LOCKTAG)) == 0;
}

/* Does who holds those modes keep off who wants that mode? */
static bool
keeps_off(const LOCKTAG *tag, LOCKMASK held, LOCKMODE wanted)
{
	return (GetLockTagsMethodTable(tag)->conflictTab[wanted] & held) != 0;
}

/*
 * Does b stand before a in the queue for one lock, wanting what conflicts?  As
 * core does, who already holds the lock goes before those whom that keeps off.
 */
static bool
is_ahead(const LockInstanceData *b, const LockInstanceData *a)
{
	return b->waitLockMode != NoLock &&
		DoLockModesConflict(b->waitLockMode, a->waitLockMode) &&
		b->waitStart != 0 && b->waitStart < a->waitStart &&
		!keeps_off(&a->locktag, a->holdMask, b->waitLockMode);
}

/* The others that keep the process off from the lock it waits for. */
static List *
blockers_of_wait(const LockData *table, const LockInstanceData *wait)
{
	List	   *pids = NIL;

	for (int i = 0; i < table->nelements; i++)
	{
		const LockInstanceData *other = &table->locks[i];

		if (other->leaderPid != wait->leaderPid && same_tag(&other->locktag, &wait->locktag) &&
			(keeps_off(&wait->locktag, other->holdMask, wait->waitLockMode) ||
			 is_ahead(other, wait)))
			pids = list_append_unique_int(pids, other->leaderPid);
	}
	return pids;
}

/* Those that hold the lock so that nobody can have it exclusively. */
static List *
holders_of(const LockData *table, const LOCKTAG *tag)
{
	List	   *pids = NIL;

	for (int i = 0; i < table->nelements; i++)
	{
		const LockInstanceData *instance = &table->locks[i];

		if (same_tag(&instance->locktag, tag) &&
			keeps_off(tag, instance->holdMask, ExclusiveLock))
			pids = list_append_unique_int(pids, instance->leaderPid);
	}
	return pids;
}

/*
 * The ways in which a process can go on that has marks up: one for each lock
 * it awaits, but not the queue's, at whose head it stands.  *queue becomes the
 * latter.
 *
 * Returns whether it waits.  If it holds more of those locks than the queue's,
 * it has got a permit just now.  If it does not hold that either, an error has
 * ended its wait, and its abort is under way.
 */
static bool
ways_of_marks(const LockData *table, int pid, List **ways, LOCKTAG *queue)
{
	int			held = 0;

	*ways = NIL;
	for (int i = 0; i < table->nelements; i++)
	{
		const LockInstanceData *instance = &table->locks[i];
		LOCKTAG		tag;
		List	   *holders;

		if (instance->leaderPid != pid || !awaited_tag(&instance->locktag, &tag))
			continue;
		holders = holders_of(table, &tag);
		if (list_member_int(holders, pid))
		{
			held++;
			*queue = tag;
		}
		else
			*ways = lappend(*ways, holders);
	}
	return held == 1;
}

/* What a process waits for in the lock table's own way, or NULL. */
static const LockInstanceData *
lock_wait_of(const LockData *table, int pid)
{
	for (int i = 0; i < table->nelements; i++)
	{
		const LockInstanceData *instance = &table->locks[i];

		if (instance->leaderPid == pid && instance->waitLockMode != NoLock)
			return instance;
	}
	return NULL;
}

static Process *
find_process(const Graph *graph, int pid)
{
	ListCell   *cell;

	foreach(cell, graph->processes)
	{
		Process    *process = (Process *) lfirst(cell);

		if (process->pid == pid)
			return process;
	}
	return NULL;
}

static Process *
add_process(Graph *graph, int pid)
{
	Process    *process = palloc0(sizeof(Process));

	process->pid = pid;
	graph->processes = lappend(graph->processes, process);
	return process;
}

/* A process other than the head; 0 stands for a prepared transaction. */
static void
add_other(Graph *graph, int pid)
{
	Process    *process = add_process(graph, pid);
	LOCKTAG		queue;

	process->wait = pid == 0 ? NULL : lock_wait_of(graph->table, pid);
	if (process->wait)
		process->ways = list_make1(blockers_of_wait(graph->table, process->wait));
	else if (pid == 0 || !ways_of_marks(graph->table, pid, &process->ways, &queue))
		process->can_go_on = true;
}

/* Add all those on whom a process depends that are not there yet. */
static void
add_blockers(Graph *graph, const Process *process)
{
	ListCell   *way;
	ListCell   *pid;

	foreach(way, process->ways)
	{
		foreach(pid, (List *) lfirst(way))
		{
			if (!find_process(graph, lfirst_int(pid)))
				add_other(graph, lfirst_int(pid));
		}
	}
}

static Graph
build_graph(const NamedLock *locks, int count, const LOCKTAG *queue)
{
	Graph		graph = {.table = GetLockStatusData(), .queue = queue};
	Process    *head = add_process(&graph, MyProcPid);
	ListCell   *cell;

	for (int i = 0; i < count; i++)
		head->ways = lappend(head->ways, holders_of(graph.table, &locks[i].tag));

	/* The list grows as it goes. */
	foreach(cell, graph.processes)
		add_blockers(&graph, (Process *) lfirst(cell));
	return graph;
}

static bool
all_can_go_on(const Graph *graph, const List *pids)
{
	ListCell   *cell;

	foreach(cell, pids)
	{
		if (!find_process(graph, lfirst_int(cell))->can_go_on)
			return false;
	}
	return true;
}

/* Is there a way for the process to go on, by what is known so far? */
static bool
has_way(const Graph *graph, const Process *process)
{
	ListCell   *cell;

	foreach(cell, process->ways)
	{
		if (all_can_go_on(graph, (List *) lfirst(cell)))
			return true;
	}
	return false;
}

/* Find out who can go on; what is left is stuck.  Can the head? */
static bool
find_stuck(const Graph *graph)
{
	bool		changed = true;
	ListCell   *cell;

	while (changed)
	{
		changed = false;
		foreach(cell, graph->processes)
		{
			Process    *process = (Process *) lfirst(cell);

			if (!process->can_go_on && has_way(graph, process))
				process->can_go_on = changed = true;
		}
	}
	return ((Process *) linitial(graph->processes))->can_go_on;
}

static bool
waits_in_queue(const Graph *graph, const Process *process)
{
	return process->wait && same_tag(&process->wait->locktag, graph->queue);
}

/*
 * The head is stuck.  Go from those who keep it off to those who keep these
 * off, and so on: does one of them wait for the head?  Having it wait in the
 * queue behind the head is not the same.
 */
static Verdict
follow(const Graph *graph, Process *process)
{
	Verdict		verdict = KEEP_WAITING;
	ListCell   *way;
	ListCell   *pid;

	check_stack_depth();
	process->reached = true;
	foreach(way, process->ways)
	{
		foreach(pid, (List *) lfirst(way))
		{
			Process    *other = find_process(graph, lfirst_int(pid));
			Verdict		found = KEEP_WAITING;

			if (other->pid == MyProcPid)
				found = waits_in_queue(graph, process) ? STEP_BACK : DEADLOCKED;
			else if (!other->can_go_on && !other->reached)
				found = follow(graph, other);
			if (found == DEADLOCKED || verdict == KEEP_WAITING)
				verdict = found;
		}
	}
	return verdict;
}

/* The lock by the name that this session has for it, else by its numbers. */
static void
describe_lock(StringInfo buf, const LOCKTAG *tag)
{
	Oid			database;
	LockKey		key;
	const char *name = NULL;

	if (lock_tag_key(tag, &database, &key) && database == MyDatabaseId)
		name = held_name(key);
	if (name)
		appendStringInfo(buf, "advisory lock \"%s\"", name);
	else
		DescribeLockTag(buf, tag);
}

static void
describe_blockers(StringInfo buf, const Process *process)
{
	List	   *pids = NIL;
	ListCell   *cell;

	foreach(cell, process->ways)
		pids = list_concat_unique_int(pids, (List *) lfirst(cell));
	foreach(cell, pids)
		appendStringInfo(buf, "%s%d", cell == list_head(pids) ? "" : ", ", lfirst_int(cell));
}

/* Who waits for whom, in the words of core's report. */
static char *
describe_stuck(const Graph *graph)
{
	StringInfoData buf;
	ListCell   *cell;
	int			shown = 0;

	initStringInfo(&buf);
	foreach(cell, graph->processes)
	{
		Process    *process = (Process *) lfirst(cell);

		if (!process->reached || ++shown > SHOWN_PROCESSES)
			continue;
		appendStringInfo(&buf, "%sProcess %d waits for ", shown == 1 ? "" : "\n", process->pid);
		if (process->wait)
		{
			appendStringInfo(&buf, "%s on ",
							 GetLockmodeName(process->wait->locktag.locktag_lockmethodid,
											 process->wait->waitLockMode));
			describe_lock(&buf, &process->wait->locktag);
		}
		else
			appendStringInfoString(&buf, "a permit");
		appendStringInfoString(&buf, "; blocked by process ");
		describe_blockers(&buf, process);
		appendStringInfoChar(&buf, '.');
	}
	return buf.data;
}

/* Can it be that somebody who holds the lock waits for something? */
static bool
holder_may_wait(const LOCKTAG *tag)
{
	int			count;
	VirtualTransactionId *holders = GetLockConflicts(tag, ExclusiveLock, &count);
	bool		waits = false;

	for (int i = 0; i < count && !waits; i++)
	{
		PGPROC	   *proc = vxid_proc(holders[i]);
		uint32		class = proc ? proc->wait_event_info & 0xFF000000 : 0;

		waits = class == PG_WAIT_LOCK || class == PG_WAIT_EXTENSION;
	}
	return waits;
}

/*
 * Could the head go on if those behind it in the queue could?  One of them may
 * ask for a permit beyond the head's limit.
 */
static bool
depends_on_queue(const Graph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->processes)
	{
		if (waits_in_queue(graph, lfirst(cell)))
			((Process *) lfirst(cell))->can_go_on = true;
	}
	return find_stuck(graph);
}

static Verdict
judge(const NamedLock *locks, int count, const NamedLock *queue,
	  bool has_stepped_back, char **detail)
{
	Graph		graph;
	Verdict		verdict;

	for (int i = 0; i < count; i++)
	{
		if (!holder_may_wait(&locks[i].tag))
			return KEEP_WAITING;
	}
	graph = build_graph(locks, count, &queue->tag);
	if (find_stuck(&graph))
		return KEEP_WAITING;
	verdict = follow(&graph, linitial(graph.processes));
	if (verdict != DEADLOCKED)
		return verdict;
	*detail = describe_stuck(&graph);
	return !has_stepped_back && depends_on_queue(&graph) ? STEP_BACK : DEADLOCKED;
}

/*
 * Can this session, which is at the head of the queue, still get any of the
 * locks?  It holds none of them.  If it is in a deadlock, *detail says who
 * waits for whom, palloc'd.  Where it might help others to let them go first,
 * this session is to do so once.
 *
 * Mostly one of the holders is busy or idle, which is seen without looking at
 * the whole lock table.  Leans on GetLockStatusData(), as pg_locks does.
 */
Verdict
check_deadlock(const NamedLock *locks, int count, const NamedLock *queue,
			   bool has_stepped_back, char **detail)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "advisory_lock deadlock check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller_context = MemoryContextSwitchTo(scratch);
	Verdict		verdict = judge(locks, count, queue, has_stepped_back, detail);

	MemoryContextSwitchTo(caller_context);
	if (verdict == DEADLOCKED)
		*detail = pstrdup(*detail);
	MemoryContextDelete(scratch);
	return verdict;
}

/* All who await any one of several locks: a list of Awaiters, palloc'd. */
List *
all_awaiters(const LockData *table)
{
	List	   *pids = NIL;
	List	   *awaiters = NIL;
	ListCell   *cell;

	for (int i = 0; i < table->nelements; i++)
	{
		LOCKTAG		tag;

		if (awaited_tag(&table->locks[i].locktag, &tag))
			pids = list_append_unique_int(pids, table->locks[i].leaderPid);
	}
	foreach(cell, pids)
	{
		Awaiter    *awaiter = palloc0(sizeof(Awaiter));
		List	   *ways;
		ListCell   *way;

		awaiter->pid = lfirst_int(cell);
		if (!ways_of_marks(table, awaiter->pid, &ways, &awaiter->queue))
			continue;
		foreach(way, ways)
			awaiter->blockers = list_concat_unique_int(awaiter->blockers, (List *) lfirst(way));
		awaiters = lappend(awaiters, awaiter);
	}
	return awaiters;
}
