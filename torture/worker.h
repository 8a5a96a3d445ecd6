/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  What the ways of locking have in common.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TORTURE_WORKER_H
#define TORTURE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "libpq-fe.h"

/* How long a session is to keep others off after it was lost. */
#define LOCK_DELAY_MS 1000

/* What a worker was told. */
typedef struct Orders
{
	const char *way;
	const char *conninfo;
	char	   *names[8];
	int			name_count;
	bool		fenced;			/* is there a resource that checks tokens? */
	bool		unchecked;		/* is there one, that does not check them? */
	bool		delayed;		/* does the session set a lock-delay? */
	int			longest_ms;		/* of a hold; 0: as usual */
	int			exit_code;		/* of a job */
} Orders;

/* Set by SIGTERM: end after this operation. */
extern volatile bool stopping;

/* A number from 0 to limit - 1, by the seed. */
extern int	chance(int limit);

/* How long the lock is to be held. */
extern int	hold_ms(const Orders *orders);

/* What came of the work under a lock. */
typedef enum Worked
{
	WORKED,						/* to the end */
	WORKED_LOST,				/* the connection is gone */
	WORKED_STALE				/* the resource refused the token */
} Worked;

/*
 * Work under a lock that the session on guard holds, with a resource that is
 * reached over conn; conn may be NULL for none, and guard for a lock that
 * somebody else looks after.  Writes a "beat" every few ms, so that it can be
 * seen how long it was at work, whatever becomes of it.
 */
extern Worked work(const Orders *orders, PGconn *guard, PGconn *conn,
				   const char *name, int64_t token);

/* Whether the connection has ended, so far as can be seen without asking. */
extern bool is_gone(PGconn *conn);

/* The ways; each goes on until stopping. */
extern void run_sql(const Orders *orders);
extern void run_library(const Orders *orders);
extern void run_sampler(const Orders *orders);
extern void run_pulse(void);
extern int	run_job(const Orders *orders);

#endif							/* TORTURE_WORKER_H */
