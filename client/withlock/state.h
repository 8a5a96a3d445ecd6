/*-------------------------------------------------------------------------
 *
 * state.h
 *	  The state of a run, and the phases that it goes through.
 *
 *	connecting -> waiting -> starting -> running -> releasing -> done
 *		^			|			|			|
 *		|			v			|			v (the lock is lost)
 *	 back-off <-----+-----------+-----	stopping -> done
 *
 * With --key there is a phase between connecting and waiting: identifying.
 * Each phase is a few functions in a table of run.c, which calls them.  A
 * phase ends by naming the next one; so the phases know the state, and none
 * of them calls another.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_STATE_H
#define WITHLOCK_STATE_H

#include "withlock/child.h"
#include "withlock/guard.h"
#include "withlock/loop.h"
#include "withlock/terminal.h"
#include "withlock/waiting.h"
#include "withlock/withlock.h"

/*
 * How long the server may take to say that the lock is held; more is a loss.
 * See hold.c.
 */
#define ANSWER_WITHIN_MS 8000

typedef enum Phase
{
	PHASE_BACK_OFF,				/* until back_off_until, then connect again */
	PHASE_CONNECTING,			/* until deadline */
	PHASE_IDENTIFYING,			/* connected; which lock is it? until answer_by */
	PHASE_WAITING,				/* for the lock, until give_up_at */
	PHASE_STARTING,				/* lock held, command about to be started */
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
	bool		entered;		/* the phase knows that it has begun */
	int			status;			/* see run_finish() */
	Loop		loop;
	Terminal	terminal;
	Child		child;
	Guard		guard;			/* of the command, if withlock is stopped */
	Waiting		waiting;
	advlock    *session;		/* NULL while there is none */
	PGresult   *answer;			/* of the session, about the key, so far */

	/* Getting the lock. */
	int64_t		started_at;
	int64_t		deadline;		/* to have the lock, or NEVER */
	int64_t		give_up_at;		/* the same while waiting */
	int64_t		back_off_until;
	int			first_host;		/* of those in conninfo, to begin with */
	int64_t		lease_ticket;	/* our place in the queue when a session was lost */
	int			attempts;		/* failed ones in a row */
	int64_t		trouble_since;	/* the first of them; NEVER: none */
	char	   *last_trouble;	/* what was said about the last one, or NULL */
	unsigned int hinted;		/* what was advised, see session_explain() */
	bool		told;			/* that it will be tried again */
	bool		met_server;		/* there was a session already */

	/* Between the lock and the command. */
	bool		continued;		/* we have been stopped since the last proof */
	bool		asked;			/* the server has been asked for one */
	bool		due;			/* it says that the command is to run, see --once-per */
	int64_t		proven_at;		/* as of when the lock is known to be held */
	int64_t		patience_until; /* for words that the command's would overtake */
	int64_t		held_since;

	/* Looking after it while the command runs. */
	bool		checking;		/* the server has been asked */
	bool		check_again;	/* ask again when it has answered */
	bool		resume_command; /* continue the command once it has */
	int64_t		check_at;		/* when to ask */
	int64_t		answer_by;		/* when to give the lock up for lost */
	int64_t		dead_by;		/* when the command must have gone; NEVER: it is no lease */

	/* Losing it, or giving it back. */
	int			grace_ms;		/* what the command gets; 0: SIGKILL at once */
	const char *lost_because;
	int64_t		kill_at;		/* the end of the grace, or NEVER */
	int64_t		look_at;		/* when to look for what it has left */
	int64_t		release_by;
	bool		checked_all;	/* all locks were asked for before */
	bool		recording;		/* the server is being told of the run */
	bool		unrecorded;		/* that has failed */
	bool		ended_by_signal;	/* do not start again */
} Run;

/* Go on with another phase, once the caller has returned to the loop. */
extern void run_enter(Run *run, Phase phase);

/* End the run with an exit status; -n: withlock is to die of signal n. */
extern void run_finish(Run *run, int status);

/*
 * How to end after the signal: a shell's loop ends only if withlock dies of
 * SIGINT or SIGQUIT itself.
 */
extern int	run_status_of_signal(int signo);

/* Close the session, if there is one. */
extern void run_close_session(Run *run);

/* Getting the lock begins, with a new deadline. */
extern void run_begin_attempt(Run *run);

#endif							/* WITHLOCK_STATE_H */
