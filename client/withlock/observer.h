/*-------------------------------------------------------------------------
 *
 * observer.h
 *	  A session that looks at locks from outside, and takes none.
 *
 * It asks the primary: on a standby every lock of the primary seems free.  It
 * may be a pooler's, so it is left as it was found: each question is one
 * transaction with settings of its own, and one round trip.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_OBSERVER_H
#define WITHLOCK_OBSERVER_H

#include "withlock/withlock.h"

/* Begin to connect, within timeout_ms.  NULL if memory ran out. */
extern advlock *observer_start(const char *conninfo, int timeout_ms);

/*
 * Send a statement, with settings of its own, on a session that is idle.
 * False if it could not be sent.
 */
extern bool observer_send(advlock *session, bool reads, const char *sql, int count,
						  const char *const *values);

/*
 * Send one of the queries of queries.h, about what the options name, on a
 * session that is idle.  False if it could not be sent.
 */
extern bool observer_ask(advlock *session, const Options *options,
						 const char *(*query) (bool extension));

/*
 * Take what has arrived of the answer, without blocking.  True when it is
 * over: *answer is the result, to be cleared, which may be an error, or NULL
 * if the connection is gone.
 */
extern bool observer_take(advlock *session, PGresult **answer);

/*
 * The same, waiting for within_ms at most.  NULL as well if it does not come;
 * the session is of no use then.
 */
extern PGresult *observer_await(advlock *session, int within_ms);

/*
 * Connect, act, and say why if that fails; for withlock's actions without a
 * command.  Returns withlock's exit status.
 */
extern int	observe(const Options *options, const char *conninfo,
					int (*act) (const Options *options, advlock *session));

/*
 * Ask and wait for the answer.  NULL after saying why there is none.
 */
extern PGresult *observe_query(const Options *options, advlock *session,
							   const char *(*query) (bool extension));

#endif							/* WITHLOCK_OBSERVER_H */
