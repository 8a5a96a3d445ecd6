/*-------------------------------------------------------------------------
 *
 * few_descriptors.c
 *	  Loaded into every session by session_preload_libraries, leaves it as many
 *	  descriptors as stand in $DESCRIPTORS_LEFT.
 *
 * That is from its first query on, and for all files that it opens then; those
 * that the server closes and opens again as it likes are closed before.  Only
 * CREATE EXTENSION gets more, without which most tests would be over; and
 * CREATE DATABASE, and whoever drops something, from then on: with less the
 * server itself panics, the latter when it commits.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "executor/executor.h"
#include "fmgr.h"
#include "storage/fd.h"
#include "tcop/utility.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static ExecutorStart_hook_type next_start;
static ProcessUtility_hook_type next_utility;

static bool limited = false;
static bool may_open = false;

static void
set_limit(rlim_t descriptors)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = Min(descriptors, limit.rlim_max);
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
limit_descriptors(void)
{
	int			fd = 0;

	closeAllVfds();
	for (int left = atoi(getenv("DESCRIPTORS_LEFT")); left >= 0; fd++)
	{
		if (fcntl(fd, F_GETFD) < 0)
			left--;
	}
	set_limit(fd - 1);
	limited = true;
}

static void
start_query(QueryDesc *query, int flags)
{
	if (!limited && !may_open)
		limit_descriptors();
	if (next_start)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
run_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type next = next_utility ? next_utility : standard_ProcessUtility;
	NodeTag		kind = nodeTag(statement->utilityStmt);

	if (kind == T_CreateExtensionStmt || kind == T_CreatedbStmt || kind == T_DropStmt)
	{
		set_limit(RLIM_INFINITY);
		limited = false;
		may_open = true;
	}
	PG_TRY();
	{
		next(statement, text, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		if (kind == T_CreateExtensionStmt || kind == T_CreatedbStmt)
			may_open = false;
	}
	PG_END_TRY();
}

void
_PG_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start_query;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = run_utility;
}
