/*-------------------------------------------------------------------------
 *
 * holders.h
 *	  Who holds a lock, in words.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_HOLDERS_H
#define WITHLOCK_HOLDERS_H

#include "withlock/withlock.h"

/* How many hold the locks that query_holders() was asked about. */
extern int	holders_count(const PGresult *result);

/*
 * "held for 5 s by pid 12 (user, application, client); 2 waiting", or "free".
 * With waiter_pid, a backend in the queue: "2 ahead, held ...".  To be freed;
 * NULL if there is nothing to tell.
 */
extern char *holders_describe(const PGresult *result, int waiter_pid);

/*
 * The lock was not obtained: say who holds it, and how to end that.  Asks
 * the server, for so many ms at most.
 */
extern void holders_farewell(const Options *options, advlock *session, int within_ms);

/* Milliseconds in words a person reads at a glance: "5 s", "3 min 2 s". */
extern void describe_duration(int64_t ms, char *buffer, size_t size);

#endif							/* WITHLOCK_HOLDERS_H */
