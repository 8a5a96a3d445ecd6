/*-------------------------------------------------------------------------
 *
 * passing.c
 *	  Trouble that may be over when the same is tried again.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

/* SQLSTATEs, and classes of them, of such trouble. */
static const char *const passing_states[] = {
	"08",						/* a pooler has no connection to the server */
	"53",						/* too many connections, out of memory */
	"57P01",					/* the server shuts down */
	"57P02",					/* another process crashed */
	"57P03",					/* it starts up, or is about to shut down */
};

bool
advl_state_may_pass(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(passing_states) / sizeof(passing_states[0]); i++)
	{
		if (strncmp(sqlstate, passing_states[i], strlen(passing_states[i])) == 0)
			return true;
	}
	return false;
}

int
advlock_may_pass(const advlock *h)
{
	return h != NULL && h->may_pass;
}
