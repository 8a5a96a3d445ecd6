/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the source files of libadvlock share.  Not installed.
 *
 * How an operation runs: its start function checks its arguments, puts what
 * it needs into the handle and sends an exchange: a few statements in one
 * libpq pipeline, which cost one round trip.  When the last answer is in,
 * advlock_poll() calls the handler that was named with the exchange.  The
 * handler reads the results and either ends the operation by returning its
 * result, or sends the next exchange (or waits for a descriptor or a timer)
 * and returns ADVLOCK_WAITING.  The blocking calls are start and a loop
 * around poll(2).
 *
 * How locks are had from a session is decided when it is known what the
 * server has: a way is a table of the four operations that differ.  While
 * nothing is held, an operation that finds the extension created or dropped
 * since then fails, and leaves the other way to the next.
 *
 * Functions with the prefix advl_ are shared between files and not exported.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_INT_H
#define ADVLOCK_INT_H

#include <stdbool.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "libadvlock/advlock.h"

#define ADVL_MAX_STATEMENTS 8
#define ADVL_MAX_PARAMS 6

/* How long the server may take to answer what it can answer at once. */
#define ADVL_ANSWER_MS 10000

/* How long advlock_close() tries to give the locks back. */
#define ADVL_CLOSE_MS 1000

/* Called with the results of an exchange, or when what was awaited is there. */
typedef advlock_result (*advl_handler) (advlock *h);

/* What a lock is known by; the statements of an attempt are by this. */
typedef enum advl_kind
{
	ADVL_BY_NAME,
	ADVL_BY_BIGINT,
	ADVL_BY_PAIR,
	ADVL_KINDS
} advl_kind;

/* Room for a number as text, for parameters. */
typedef char advl_number[64];

/* A lock (or permit) that is held, or that an operation is about to take. */
typedef struct advl_lock
{
	struct advl_lock *next;
	advl_kind	kind;
	bool		shared;
	int			permit;			/* 0: not a permit */
	int			count;			/* how often it must be unlocked */
	int			unsure;			/* ... and may have to beyond that */
	int64_t		token;			/* 0: none */
	advl_number key;			/* if it has no name: both halves in one */
	const char *title;			/* for messages: "name" in quotes, or the key */
	char		name[];			/* or a key, as advlock_key() writes it */
} advl_lock;

/* Locks as arrays of SQL, see arrays.c. */
typedef struct advl_arrays
{
	advl_text	names;
	advl_text	shared;
	advl_text	permits;
	advl_text	counts;
	advl_text	tokens;
	advl_text	kinds;
	int			locks;			/* how many */
	int			times;			/* to be given back, all together */
	const advl_lock *last;
	advl_number last_token;
} advl_arrays;

/* One statement of an exchange; parameters are text, or NULL for NULL. */
typedef struct advl_statement
{
	const char *sql;
	int			nparams;
	const char *params[ADVL_MAX_PARAMS];

	/*
	 * End the implicit transaction here, so that the next statement runs in
	 * one of its own, whether this one failed or not.  The last statement
	 * always does.
	 */
	bool		sync;
} advl_statement;

/*
 * What is asked about locks given as arrays, see ask.c.  of_one, which may be
 * missing, asks the same about one lock, given as its name, or that and its
 * token.
 */
typedef struct advl_question
{
	const char *by_extension;
	const char *of_one;
	int			params_of_one;
	const char *by_keys;
	bool		once;			/* of_one is for an exclusive lock that is counted once */
	bool		limited;		/* the answer must not wait for catalogs */
} advl_question;

/* Of which locks a check has been rehearsed. */
typedef enum advl_warmth
{
	ADVL_COLD,
	ADVL_WARM_OF_ONE,
	ADVL_WARM_OF_ALL
} advl_warmth;

/* What is asked or told about a run, see run.c. */
typedef struct advl_run
{
	bool		record;			/* it has succeeded; else: is it due? */
	int			within_ms;
	int64_t		began;			/* by the server's clock, in microseconds */
} advl_run;

/* What an exchange about a lease is for. */
typedef enum advl_asked
{
	ASKED_NOTHING,				/* not yet: its session is being opened */
	ASKED_RENEWAL,
	ASKED_RUN,
	ASKED_RELEASE
} advl_asked;

/* A lease that is held or asked for, see lease_take.c and lease_keep.c. */
typedef struct advl_lease
{
	int			duration_ms;
	int			stop_ms;		/* what the caller needs to stop, before it ends */
	int			at_least_ms;
	int64_t		asked_at;		/* when the last request was sent */
	int64_t		until;			/* the end, if it is not renewed */

	/* Renewing it, or giving it back. */
	bool		checking;		/* who polls waits for the next renewal */
	bool		has_run;		/* ... for an answer about this run */
	advl_run	run;
	bool		releasing;
	bool		may_be_released;	/* the answer did not arrive */
	int64_t		give_up_at;		/* ... to release it */
	int64_t		next_at;		/* when to begin the next exchange */
	int			next_host;		/* ... with which host */
	int			attempts;		/* that have failed, in a row */
	advl_text	trouble;		/* the last one's */
	advlock    *session;		/* of the exchange under way, or NULL */
	advl_asked	asked;
} advl_lease;

/* The operation under way. */
typedef struct advl_operation
{
	advl_handler on_results;	/* waits for an exchange, or NULL */
	advl_handler on_timer;		/* waits for wake_at, or NULL */
	advl_handler on_ready;		/* waits for the descriptor, or NULL */
	int			fd;				/* not the session's own, or not yet */
	int			fd_events;
	int64_t		wake_at;		/* also the end of waiting for fd */
	int64_t		answer_by;		/* the server's time to answer */
	int			syncs_left;
	bool		ends_idle;		/* the exchange: in no transaction */
	int			nstatements;
	int			nresults;		/* as many when the handler is called */
	PGresult   *results[ADVL_MAX_STATEMENTS];

	/* A lock being taken. */
	advlock_options options;
	int64_t		deadline;		/* of the wait */
	advl_text	names;			/* of the locks, as the text of an array */
	advl_lock  *wanted;			/* not had yet, the next one first */
	advl_lock  *taken;			/* had, the latest first */
	advl_lock  *permit;			/* to be had when wanted is */
	advl_handler when_ordered;	/* called when it is in the order of the keys */
	advl_handler when_taken;	/* called when all that was wanted is taken */
	int			pause_ms;		/* before the next look for a free permit */
	advlock_result outcome;		/* to be returned when cleaned up */
	int			attempts;		/* ... to do so, that have failed */

	/* A question about locks. */
	advl_arrays arrays;
	const advl_question *question;
	advl_handler on_answer;
	int			asked_at;		/* index of its result */
	bool		asked_core;		/* not the extension, or not any more */

	advl_lease *lease;			/* by which op.wanted is to be had, or NULL */

	/* The lock being given back, one of those held. */
	advl_lock  *released;
	bool		may_be_released;	/* ... by a statement that was canceled */
} advl_operation;

/* The walk over the hosts, see hosts.c. */
typedef struct advl_hosts advl_hosts;

/* How locks are had from a session. */
typedef struct advl_way
{
	bool		extension;

	/* Take op.wanted, by op.options and until op.deadline. */
	advlock_result (*start_lock) (advlock *h);

	/* Give one of those held back once. */
	advlock_result (*start_unlock) (advlock *h, advl_lock *lock);

	/* Ask or tell about the run under a lock; where there is the extension. */
	advlock_result (*start_run) (advlock *h, const advl_lock *lock, const advl_run *run);

	/* Ask whether all are still held. */
	advlock_result (*start_check) (advlock *h);

	/* Give everything back; the server has so many ms to answer. */
	advlock_result (*release_all) (advlock *h, int answer_ms);

	/* Of a lease: go on with it.  Others have a session to be polled. */
	advlock_result (*poll) (advlock *h);
} advl_way;

/* A look on the side whether the server is still there, see probe.c. */
typedef struct advl_probe
{
	int			fd;				/* -1: none under way */
	bool		asked;			/* connected, and the question is sent */
	int64_t		at;				/* when to begin; NEVER: not wanted */
	int64_t		by;				/* when it must have come on; NEVER: not begun */
} advl_probe;

struct advlock
{
	PGconn	   *conn;
	bool		own_conn;
	bool		ready;			/* the session was usable once */
	advlock_result status;		/* ADVLOCK_OK, or why it cannot be used */
	advlock_open_options options;
	int64_t		open_deadline;	/* until when it must be ready */
	int64_t		attempt_deadline;	/* the same for one of several hosts */
	advl_hosts *hosts;			/* while connecting */
	int			host;			/* of the list, the last one tried */
	int			next_host;
	bool		connected;		/* the attempt got as far as a session */
	bool		in_recovery;	/* a standby, and that is allowed */
	int			pid;			/* of the server process */
	int			client_pid;		/* the same as libpq was told it */
	char		database[48];	/* see advlock_database() */
	const advl_way *way;		/* never NULL */
	bool		other_way;		/* the next lock goes the other one */
	bool		registry;		/* the server keeps delays */
	int64_t		run_began;		/* when it was due, by the server's clock; 0: never asked */
	bool		delay;			/* one was set in this session */
	advl_warmth warm;			/* which checks have been rehearsed */
	advl_text	error;
	char		sqlstate[6];
	bool		may_pass;		/* the trouble, by itself */
	advl_text	notices;		/* collected */
	advl_text	notices_read;	/* what advlock_notice() returned */
	advl_lock  *held;			/* latest first */
	advl_lease *lease;			/* by which it is held, without a session; or NULL */
	int64_t		ticket;			/* our place in the queue for one; 0: none */
	advl_operation op;
	advl_probe	probe;

	/* Gets an operation's result, and may go on with another; or NULL. */
	advlock_result (*on_end) (advlock *h, advlock_result r);
};

/* === error.c === */
extern void advl_clear_error(advlock *h);
extern advlock_result advl_fail(advlock *h, advlock_result result,
								const char *fmt,...)
			__attribute__((format(printf, 3, 4)));
extern advlock_result advl_no_memory(advlock *h);
extern advlock_result advl_busy(advlock *h, const advl_lock *lock);
extern advlock_result advl_not_held(advlock *h, const char *name);
extern void advl_set_server_error(advlock *h, const PGresult *res);
extern advlock_result advl_meaning(const char *sqlstate);
extern const char *advl_state(const PGresult *res);
extern const char *advl_severity(const PGresult *res);
extern void advl_notice(void *arg, const PGresult *res);

/* === key.c === */

/* What an argument of the caller's is; the key in one number, if it is one. */
extern advl_kind advl_kind_of(const char *name, int64_t *key);

/* Why the argument is no lock, a static phrase; NULL if it is one. */
extern const char *advl_lock_defect(const char *name);

/* What stands for the lock as parameter $1 of a statement for its kind. */
extern const char *advl_parameter(const advl_lock *lock);

/* === held.c === */
extern advl_lock *advl_lock_new(const char *name, bool shared);
extern void advl_locks_free(advl_lock **list);
extern void advl_wanted_to_taken(advlock *h);
extern advl_lock *advl_find(advl_lock *list, const char *name);
extern advl_lock *advl_find_mode(advl_lock *list, const char *name, bool shared);
extern void advl_hold(advlock *h, advl_lock *lock);
extern advlock_result advl_hold_all(advlock *h, advl_lock **list);
extern void advl_forget(advlock *h, advl_lock *lock);

/* === order.c === */
extern advlock_result advl_in_order(advlock *h, advl_handler when_ordered);

/* === passing.c === */
extern bool advl_state_may_pass(const char *sqlstate);

/* === arrays.c === */
#define ADVL_ARRAYS 6
extern void advl_arrays_free(advl_arrays *a);
extern void advl_arrays_add(advl_arrays *a, const advl_lock *lock, int count);
extern bool advl_arrays_fill(advl_arrays *a, const advl_lock *list);
extern advl_statement advl_arrays_statement(const advl_arrays *a, const char *sql);
extern bool advl_arrays_name_one(const advl_arrays *a);
extern advl_statement advl_arrays_statement_of_one(advl_arrays *a, const char *sql, int nparams);

/* === operation.c === */
extern bool advl_under_way(const advlock *h);
extern advlock_result advl_begin(advlock *h);
extern advlock_result advl_started(advlock *h, advlock_result r);
extern void advl_end(advlock *h);
extern void advl_clear_results(advlock *h);
extern advlock_result advl_sleep(advlock *h, int ms, advl_handler on_timer);
extern advlock_result advl_wait_fd(advlock *h, int fd, int events,
								   int64_t deadline, advl_handler on_ready);
extern bool advl_is_ready(int fd, int events);
extern int	advl_attempt_ms(const advlock *h);
extern int	advl_slice_ms(const advlock *h);
extern void advl_abandon(advlock *h);
extern advlock_result advl_lose(advlock *h);
extern advlock_result advl_lose_because(advlock *h, const char *reason);
extern advlock_result advl_lost_already(advlock *h, const char *reason);
extern advlock_result advl_server_error(advlock *h, const PGresult *res);
extern advlock_result advl_wrong_way(advlock *h);
extern advlock_result advl_lack_extension(advlock *h, const char *what);

/* === answer.c === */
extern bool advl_rows(const PGresult *res);
extern bool advl_done(const PGresult *res);
extern const char *advl_value(const PGresult *res, int column);
extern bool advl_is_null(const PGresult *res, int column);
extern bool advl_refused(const PGresult *res);
extern bool advl_is_true(const PGresult *res, int column);
extern bool advl_number_at(const PGresult *res, int row, int column, int64_t *number);
extern bool advl_number_in(const char **text, int64_t *number);

/* === exchange.c === */
extern advlock_result advl_send(advlock *h, const advl_statement *statements,
								int count, advl_handler on_results, int answer_ms);
extern advlock_result advl_receive(advlock *h);
extern advlock_result advl_poll_idle(advlock *h);

/* === cancel.c === */
extern bool advl_cancel(PGconn *conn, int64_t deadline);

/* === ask.c === */
extern bool advl_in_transaction(const advlock *h);
extern advlock_result advl_ask(advlock *h, const advl_question *question,
							   advl_handler on_answer, int answer_ms);
extern int	advl_rehearse(advlock *h, const advl_question *question,
						  advl_statement *statements);

/* === release.c === */
extern advlock_result advl_send_release(advlock *h, const advl_lock *list,
										advl_handler on_released, int answer_ms);
extern advlock_result advl_unlock_one(advlock *h, advl_lock *lock);
extern advlock_result advl_unlock_all(advlock *h, int answer_ms);

/* === check.c === */
extern const advl_question advl_check_question;
extern advlock_result advl_check_session(advlock *h);
extern advlock_result advl_check_transaction(advlock *h);

/* === keys.c === */
extern const char *advl_mode_text(const advl_lock *lock);
extern advlock_result advl_take_wanted(advlock *h);
extern advlock_result advl_take_all(advlock *h);

/* === leftover.c === */

/* End the operation with a failure, giving back what is in op.taken. */
extern advlock_result advl_give_up(advlock *h, advlock_result outcome);

/* The same after an error that may have left something of op.wanted held, too. */
extern advlock_result advl_take_back(advlock *h, advlock_result outcome);

/* === permit.c === */
extern advlock_result advl_take_permit(advlock *h);

/* === extension.c === */
extern advlock_result advl_acquire(advlock *h);
extern advlock_result advl_call_error(advlock *h, const PGresult *res);

/* === lease_take.c === */
extern advlock_result advl_take_lease(advlock *h);

/* === lease_keep.c === */
extern advlock_result advl_keep_lease(advlock *h);

/* === run.c === */
extern advlock_result advl_send_run(advlock *session, const advl_lock *lock,
									const advl_run *run, int answer_ms);
extern advlock_result advl_run_in_session(advlock *h, const advl_lock *lock,
										  const advl_run *run);

/* === close.c === */
extern void advl_discard(advlock *h);
extern void advl_lease_free(advl_lease **lease);

/* === transaction.c === */
extern advlock_result advl_take_by_extension(advlock *h);
extern advlock_result advl_take_by_keys(advlock *h);
extern advlock_result advl_commit_one(advlock *h, advl_lock *lock);
extern advlock_result advl_commit(advlock *h, int answer_ms);

/* === way.c === */
extern const advl_way *advl_choose_way(bool transaction, bool extension);
extern void advl_find_way(advlock *h);

/* === session.c === */
extern advlock_result advl_start_session(advlock *h, int64_t deadline);

/* === poll.c === */
extern advlock_result advl_wait(advlock *h, advlock_result r);

#endif							/* ADVLOCK_INT_H */
