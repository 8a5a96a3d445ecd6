/*-------------------------------------------------------------------------
 *
 * child.h
 *	  The command as a process: starting, signalling, reaping.
 *
 * The command is the leader of a process group of its own, so that a signal
 * reaches all of it once, and reaches nothing else.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_CHILD_H
#define WITHLOCK_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

typedef enum ChildEvent
{
	CHILD_NOTHING,
	CHILD_STOPPED,				/* stop_signal says why */
	CHILD_ENDED					/* status is set */
} ChildEvent;

typedef struct Child
{
	pid_t		pid;			/* also its process group; 0: never started */
	bool		running;		/* not yet reaped */
	bool		stopped;
	int			stop_signal;
	int			fd;				/* lets it go, tells why the exec failed; -1: none */
	int			status;			/* as withlock's own exit status */
	int			exec_error;		/* errno, if the command was never executed */
	int			signal;			/* what ended it, or 0 */
} Child;

/*
 * Start the process of the command, which waits for child_go() before it
 * becomes the command, with all signals at their defaults but those that were
 * ignored when withlock was started.  terminal_fd is handed over to its group
 * before it runs; -1: none.  All signals must be blocked.
 * Returns 0, or an errno if there is no process.  Whether that could execute
 * the command, which may take its time, is known when it has ended.
 */
extern int	child_start(Child *child, char *const *argv, int terminal_fd);

/* Everything is in place: let it become the command. */
extern void child_go(const Child *child);

/* In place of child_go(): end it, before it has done anything. */
extern void child_cancel(Child *child);

/*
 * Send a signal to the command's process group, which may have gone, and to
 * the command itself, which may have left it.
 */
extern void child_signal(const Child *child, int signo);

/*
 * Become the parent of what the command leaves behind, so that child_reap()
 * clears it away as soon as it ends, whatever the machine's init does.
 */
extern void child_adopt_orphans(void);

/*
 * Clear away another child, which was killed, if the kernel lets go of it
 * soon: nobody else may care for it.
 */
extern void child_await_helper(pid_t pid);

/* Is anything left in the command's process group? */
extern bool child_group_exists(const Child *child);

/* What has happened to the command since; does not block. */
extern ChildEvent child_reap(Child *child);

#endif							/* WITHLOCK_CHILD_H */
