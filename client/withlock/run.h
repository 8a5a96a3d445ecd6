/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Run a command while holding a lock.
 *
 * A run goes through phases:
 *
 *	connecting -> waiting -> running -> releasing -> done
 *					^			|
 *					|			v (the lock is lost)
 *	  back-off -> connecting  stopping -> done, or back-off with --keep
 *
 * acquire.c has the phases up to the lock, hold.c those
 * with the command, run.c the loop around them.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_RUN_H
#define WITHLOCK_RUN_H

#include "withlock/withlock.h"
#include "withlock/child.h"
#include "withlock/loop.h"
#include "withlock/terminal.h"
#include "withlock/waiting.h"

typedef enum Phase
{
	PHASE_BACK_OFF,				/* until act_at, then connect again */
	PHASE_CONNECTING,
	PHASE_WAITING,				/* for the lock */
	PHASE_RUNNING,				/* lock held, command running */
	PHASE_STOPPING,				/* lock lost, command not gone yet */
	PHASE_RELEASING,			/* command gone, lock being released */
	PHASE_DONE					/* status is what to exit with */
} Phase;

typedef struct Run
{
	const Options *options;
	const char *conninfo;
	char	   *argv_shell[4];	/* of -c */
	char	  **argv;			/* the command */

	Phase		phase;
	int			status;
	Loop		loop;
	Terminal	terminal;
	Child		child;
	Waiting		waiting;
	advlock    *session;		/* NULL while there is none */

	int64_t		started_at;		/* of this acquisition */
	int64_t		deadline;		/* to have the lock, or NEVER */
	int64_t		act_at;			/* what it means depends on the phase */
	int			attempts;		/* failed ones in a row */

	/* Looking after a held lock. */
	bool		checking;		/* the server has been asked */
	bool		check_again;	/* ask again when it has answered */
	bool		resume_command; /* continue the command once it has */
	int64_t		check_at;		/* when to ask */
	int64_t		answer_by;		/* when to give the lock up for lost */
	bool		ended_by_signal;	/* do not start again */
} Run;

/*
 * Connect, take the lock, run the command, release the lock.  Returns
 * withlock's exit status.  All signals stay blocked afterwards.
 */
extern int	run_command(const Options *options, const char *conninfo);

/* === For the phases only === */

/* End the run. */
extern void run_finish(Run *run, int status);

/* Close the session, if there is one. */
extern void run_close_session(Run *run);

/* acquire.c */
extern void acquire_begin(Run *run);
extern void acquire_connect(Run *run);
extern void acquire_retry(Run *run);
extern void acquire_handle_result(Run *run, advlock_result result);
extern void acquire_handle_deadline(Run *run);

/* hold.c */
extern void hold_begin(Run *run);
extern void hold_handle_result(Run *run, advlock_result result);
extern void hold_handle_time(Run *run);
extern void hold_handle_child(Run *run);
extern void hold_handle_signal(Run *run, int signo);

#endif							/* WITHLOCK_RUN_H */
