/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  Statements with the rights of the extension's owner.
 *
 * Users may bring about what they could not do themselves: raise a fence, say.
 * The owner is the bootstrap superuser, so such a statement must run nobody
 * else's code.  Its text names every function and operator with its schema;
 * and its relation must be ours still when the server looks it up by its name.
 * Whoever created the extension may drop it and put a table of that name in
 * its place, with a trigger of his own, while we wait for the table's lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "base/owner.h"

/*
 * Lock a relation of the extension's until the transaction ends.  From then on
 * its name leads to it: it cannot be dropped, and renamed by superusers alone.
 */
static void
lock_member(Member member)
{
	Oid			relation;

	do
	{
		relation = member_relation(member);
		LockRelationOid(relation, RowExclusiveLock);
	} while (member_relation(member) != relation);	/* it changed while we waited */
}

/* Plan it, for the rest of the session. */
static void
prepare(OwnerQuery *query)
{
	SPIPlanPtr	plan = SPI_prepare(query->text, query->nargs, query->types);

	if (!plan || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
	query->plan = plan;
}

/*
 * What is only read is what others have committed by now, even where the
 * caller's transaction has a snapshot of its own: it has waited for a lock
 * since, and asks what its former holder left.
 */
static int
run_plan(OwnerQuery *query, Datum *params)
{
	char		nulls[MAX_OWNER_ARGS];
	Snapshot	latest;
	int			result;

	for (int i = 0; i < query->nargs; i++)
		nulls[i] = query->types[i] == TEXTOID && params[i] == NULL_TEXT ? 'n' : ' ';
	if (query->expected != SPI_OK_SELECT)
		return SPI_execute_plan(query->plan, params, nulls, false, 0);
	latest = RegisterSnapshot(GetLatestSnapshot());
	result = SPI_execute_snapshot(query->plan, params, nulls, latest, InvalidSnapshot, true, false, 0);
	UnregisterSnapshot(latest);
	return result;
}

/*
 * Execute a statement on a relation of the extension's with the rights of its
 * owner, whoever calls, inside of SPI_connect(); leans on SPI_execute_plan(),
 * which plans it anew when the relation is another one.  The statement writes
 * to no other relation, and names with their schema whatever the search_path
 * would be asked for.
 *
 * Raises the errors of member_relation(), and an internal one unless SPI's
 * result is the expected.
 */
void
execute_as_owner(OwnerQuery *query, Datum *params)
{
	Oid			user;
	int			security_context;
	int			result;

	lock_member(query->member);
	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(member_owner(query->member),
						   security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (!query->plan)
		prepare(query);
	result = run_plan(query, params);
	SetUserIdAndSecContext(user, security_context);
	if (result != query->expected)
		elog(ERROR, "SPI_execute_plan returned %s", SPI_result_code_string(result));
}
