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

#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/queries.h"

int
kill_holders(const Options *options, advlock *session)
{
	PGresult   *result = observe_query(options, session, query_kill);
	int			count;

	if (result == NULL)
		return STATUS_UNAVAILABLE;
	count = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	if (options->json)
		printf("{\"terminated\": %d}\n", count);
	if (count == 0)
		say("lock \"%s\": nobody holds it", options->shown[0]);
	else
		say("lock \"%s\": ended %d holder%s", options->shown[0], count, count == 1 ? "" : "s");
	return count == 0 ? STATUS_NOBODY : 0;
}
