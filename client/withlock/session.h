/*-------------------------------------------------------------------------
 *
 * session.h
 *	  withlock's options in the terms of libadvlock, and its results in ours.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_SESSION_H
#define WITHLOCK_SESSION_H

#include "withlock/withlock.h"

/*
 * Begin to connect, with this host of the list; timeout_ms -1 for ever.  NULL
 * if memory ran out.
 */
extern advlock *session_start(const Options *options, const char *conninfo,
							  int timeout_ms, int first_host);

/*
 * Begin to take all that the options ask for, within timeout_ms; a lease from
 * the place in the queue that lease_ticket stands for, 0 from the last.
 */
extern advlock_result session_start_lock(advlock *session, const Options *options,
										 int timeout_ms, int64_t lease_ticket);

/* What withlock exits with when the result keeps it from going on. */
extern int	session_failure_status(const Options *options, advlock_result result);

/*
 * Say why, naming the lock, and what can be done, unless hinted has it: what
 * was advised before.
 */
extern void session_explain(const Options *options, const advlock *session,
							advlock_result result, unsigned int *hinted);

/* Is there a server, only that it is full, starting or stopping? */
extern bool session_server_is_busy(const advlock *session);

/*
 * How long the command may go on after the loss of the lock: as --grace says,
 * else for as long as the server keeps others off, less a margin.  0 where it
 * keeps nobody off.
 */
extern int	session_grace_ms(const Options *options, const advlock *session);

/* When the command must have gone, whatever becomes of a lease; else NEVER. */
extern int64_t session_dead_by(const Options *options, const advlock *session);

/*
 * Tell the command what is held, in WITHLOCK_NAME, WITHLOCK_TOKEN and
 * WITHLOCK_PERMIT, and a withlock under it in WITHLOCK_HELD; what does not
 * apply is unset.  False if memory ran out.
 */
extern bool session_export(const Options *options, const advlock *session);

#endif							/* WITHLOCK_SESSION_H */
