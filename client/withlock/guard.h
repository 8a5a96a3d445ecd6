/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  What ends the command when withlock cannot.
 *
 * withlock that is stopped by SIGSTOP or by a debugger, or that hangs, does
 * not notice that its session has ended, and the command would run on beside
 * the next holder.  So a process watches the connection, too: when it is
 * closed, and the command is still there when its grace is over, it kills it.
 * What only an answer of the server tells it does not see.  It does the same,
 * at once, when withlock has been killed: the kernel would end the command
 * only, and not what that has started.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_GUARD_H
#define WITHLOCK_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Guard
{
	pid_t		pid;			/* 0: there is none */
	int			fd;				/* to it; -1: it was ended */
	int			server;			/* the connection's socket */
	pid_t		command;		/* the process group */
	int			grace_ms;
	int64_t    *time;			/* of a lease: when to kill; NULL: there is none */
} Guard;

/*
 * Guard the command's process group, which has so many ms after the loss.
 * Returns 0, or an errno if there is no process.  Signals must be blocked.
 */
extern int	guard_start(Guard *guard, int server, pid_t command, int grace_ms);

/*
 * The same for a lease, which has no connection: the command is killed when
 * that moment has come, unless guard_extend() has moved it.
 */
extern int	guard_start_timed(Guard *guard, int64_t dead_by, pid_t command);
extern void guard_extend(const Guard *guard, int64_t dead_by);

/* A child has ended: if it is the guard, and somebody else's doing, start another. */
extern void guard_renew(Guard *guard);

/* The same when the lock is lost: the connection says nothing more. */
extern void guard_renew_until(Guard *guard, int64_t dead_by);

/*
 * withlock itself sees to the command now, or it has gone.  Says whether the
 * guard has killed it.
 */
extern bool guard_end(Guard *guard);

/* Clear away what guard_end() has left, at the end of all. */
extern void guard_await(const Guard *guard);

#endif							/* WITHLOCK_GUARD_H */
