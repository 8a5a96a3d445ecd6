/*-------------------------------------------------------------------------
 *
 * kill.c
 *	  Ending the sessions that hold a lock: --kill.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/kill.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cell.h"
#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"
#include "withlock/tool.h"

int
kill_holders(const Options *options, advlock *session)
{
	int			status = tool_resolve(options, session);
	PGresult   *result = status == 0 ? observe_query(options, session, query_kill) : NULL;
	int			count;

	if (result == NULL)
		return status ? status : STATUS_UNAVAILABLE;
	count = atoi(advl_cell(result, 0, 0));
	PQclear(result);
	if (options->json)
		printf("{\"terminated\": %d}\n", count);
	if (count == 0)
		say("lock %s: nobody holds it", options->shown[0]);
	else
		say("lock %s: ended %d holder%s", options->shown[0], count, count == 1 ? "" : "s");
	return count == 0 ? STATUS_NOBODY : 0;
}
