/*-------------------------------------------------------------------------
 *
 * waiting.h
 *	  Telling a person whom withlock waits for.
 *
 * At a terminal a line is redrawn in place while the wait lasts.  It needs a
 * second session, since the first one is busy waiting; that is opened only
 * then, and whatever happens to it does not touch the wait.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_WAITING_H
#define WITHLOCK_WAITING_H

#include <poll.h>

#include "withlock/withlock.h"
#include "withlock/terminal.h"

typedef struct Waiting
{
	const Options *options;
	const char *conninfo;
	const Terminal *terminal;
	int			waiter_pid;		/* our own waiting backend, 0 if unknown */
	int64_t		since;			/* when the wait began */
	advlock    *observer;		/* the second session, or NULL */
	bool		asked;			/* a query is under way */
	int64_t		answer_by;		/* when to give it up */
	PGresult   *answer;			/* what has arrived of it */
	bool		failed;			/* the observer is of no use */
	char	   *holders;		/* the last answer, in words; or NULL */
	int64_t		wake_at;
} Waiting;

/* The wait has begun on this session. */
extern void waiting_begin(Waiting *waiting, const Options *options,
						  const char *conninfo, const Terminal *terminal,
						  const advlock *session);

/* What to poll; its fd is -1 if nothing. */
extern struct pollfd waiting_pollfd(const Waiting *waiting);

/* Go on; ready tells that the descriptor is. */
extern void waiting_advance(Waiting *waiting, bool ready);

/* The wait is over: wipe the line, close the second session. */
extern void waiting_end(Waiting *waiting);

#endif							/* WITHLOCK_WAITING_H */
