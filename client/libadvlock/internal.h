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
 * and returns ADVLOCK_WAITING.  The blocking calls are start and a loop around poll(2).
 *
 * Functions with the prefix advl_ are shared between files and not exported.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_INT_H
#define ADVLOCK_INT_H

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "libadvlock/advlock.h"

#define ADVL_MAX_NAME 1024
#define ADVL_MAX_STATEMENTS 4
#define ADVL_MAX_PARAMS 4

/* How long the server may take to answer what it can answer at once. */
#define ADVL_ANSWER_MS 10000

/* How much longer than a lock's own timeout we wait for its answer. */
#define ADVL_GRACE_MS 1000

/* How long advlock_close() tries to give the locks back. */
#define ADVL_CLOSE_MS 1000

/* Called with the results of an exchange, or when what was awaited is there. */
typedef advlock_result (*advl_handler) (advlock *h);

/* Text that grows, see text.c; all zero: empty. */
typedef struct advl_text
{
	char	   *data;
	size_t		len;
	size_t		size;
	bool		broken;
} advl_text;

/* A lock (or permit) that is held, or that an operation is about to take. */
typedef struct advl_lock
{
	struct advl_lock *next;
	struct advl_lock *sorted;	/* scratch of a sort */
	bool		shared;
	int			permit;			/* 0: not a permit */
	int			count;			/* how often it must be unlocked */
	int64_t		token;			/* 0: none */
	char		name[];
} advl_lock;

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

/* Room for a number as text, for parameters. */
typedef char advl_number[64];

/* The operation under way. */
typedef struct advl_operation
{
	advl_handler on_results;	/* waits for an exchange, or NULL */
	advl_handler on_timer;		/* waits for wake_at, or NULL */
	advl_handler on_ready;		/* waits for the descriptor, or NULL */
	int			fd;				/* not the session's own, or not yet */
	int			fd_events;
	int64_t		wake_at;		/* also the end of waiting for fd; -1: none */
	int64_t		answer_by;		/* the server's time to answer; -1: for ever */
	int			syncs_left;
	int			nresults;
	PGresult   *results[ADVL_MAX_STATEMENTS];

	/* A lock being taken. */
	advlock_options options;
	int64_t		deadline;		/* of the wait; -1: none */
	advl_text	names;			/* of the locks, as the text of an array */
	advl_lock  *wanted;			/* not had yet, the next one first */
	advl_lock  *taken;			/* had, the latest first */
	advl_lock  *permit;			/* to be had when wanted is */
	int			pause_ms;		/* before the next look for a free permit */
	advlock_result outcome;		/* to be returned when cleaned up */

	/* The lock being given back, one of those held. */
	advl_lock  *released;
} advl_operation;

/* The walk over the hosts, see hosts.c. */
typedef struct advl_hosts advl_hosts;

struct advlock
{
	PGconn	   *conn;
	bool		own_conn;
	bool		ready;			/* the session was usable once */
	advlock_result status;		/* ADVLOCK_OK, or why it cannot be used */
	advlock_open_options options;
	int64_t		open_deadline;	/* until when it must be ready; -1: none */
	int64_t		attempt_deadline;	/* the same for one of several hosts */
	advl_hosts *hosts;			/* while connecting */
	int			next_host;
	bool		connected;		/* the attempt got as far as a session */
	int			pid;			/* of the server process */
	int			client_pid;		/* the same as libpq was told it */
	char		database[48];	/* see advlock_database() */
	bool		has_extension;
	advl_text	error;
	char		sqlstate[6];
	bool		may_pass;		/* the trouble, by itself */
	advl_lock  *held;			/* latest first */
	advl_operation op;

	/* Gets an operation's result, and may go on with another; or NULL. */
	advlock_result (*on_end) (advlock *h, advlock_result r);
};

/* === clock.c === */
extern int64_t advl_now(void);
extern int64_t advl_deadline(int timeout_ms);
extern int	advl_longer(int timeout_ms, int more_ms);
extern int	advl_remaining(int64_t deadline);

/* === text.c === */
extern void advl_text_free(advl_text *t);
extern void advl_text_reset(advl_text *t);
extern const char *advl_text_str(const advl_text *t);
extern void advl_text_append(advl_text *t, const char *s);
extern void advl_text_appendf(advl_text *t, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void advl_text_vappendf(advl_text *t, const char *fmt, va_list args);
extern void advl_text_trim(advl_text *t);
extern void advl_text_append_element(advl_text *t, const char *element);

/* === error.c === */
extern void advl_clear_error(advlock *h);
extern advlock_result advl_fail(advlock *h, advlock_result result,
								const char *fmt,...)
			__attribute__((format(printf, 3, 4)));
extern advlock_result advl_no_memory(advlock *h);
extern advlock_result advl_busy(advlock *h, const advl_lock *lock);
extern advlock_result advl_server_error(advlock *h, const PGresult *res);
extern advlock_result advl_lose(advlock *h);
extern advlock_result advl_lose_because(advlock *h, const char *reason);
extern const char *advl_state(const PGresult *res);
extern void advl_notice(void *arg, const PGresult *res);

/* === name.c === */
extern advlock_result advl_check_name(advlock *h, const char *name);

/* === held.c === */
extern advl_lock *advl_lock_new(const char *name, bool shared);
extern void advl_locks_free(advl_lock **list);
extern advl_lock *advl_find(advl_lock *list, const char *name);
extern advl_lock *advl_find_mode(advl_lock *list, const char *name, bool shared);
extern void advl_hold(advlock *h, advl_lock *lock);
extern advlock_result advl_hold_all(advlock *h, advl_lock **list);
extern void advl_forget(advlock *h, advl_lock *lock);

/* === passing.c === */
extern bool advl_state_may_pass(const char *sqlstate);

/* === session.c === */
extern advlock_result advl_start_session(advlock *h, int64_t deadline);

/* === exchange.c === */
extern advlock_result advl_send(advlock *h, const advl_statement *statements,
								int count, advl_handler on_results, int answer_ms);
extern advlock_result advl_receive(advlock *h);
extern advlock_result advl_poll_idle(advlock *h);
extern void advl_clear_results(advlock *h);
extern bool advl_rows(const PGresult *res);
extern bool advl_refused(const PGresult *res);
extern bool advl_is_true(const PGresult *res, int column);

/* === poll.c === */
extern bool advl_under_way(const advlock *h);
extern advlock_result advl_begin(advlock *h);
extern void advl_end(advlock *h);
extern advlock_result advl_sleep(advlock *h, int ms, advl_handler on_timer);
extern advlock_result advl_wait_fd(advlock *h, int fd, int events,
								   int64_t deadline, advl_handler on_ready);
extern bool advl_is_ready(int fd, int events);
extern advlock_result advl_wait(advlock *h, advlock_result r);

/* === lock.c === */
extern int	advl_attempt_ms(const advlock *h);

/* === fallback.c === */
extern const char advl_holds_sql[];
extern const char *advl_mode_text(const advl_lock *lock);
extern advlock_result advl_start_fallback(advlock *h);
extern advlock_result advl_take_wanted(advlock *h);
extern advlock_result advl_give_up(advlock *h, advlock_result outcome);

/* === permit.c === */
extern advlock_result advl_start_permit(advlock *h);
extern advlock_result advl_take_permit(advlock *h);

/* === transaction.c === */
extern advlock_result advl_start_transaction(advlock *h);
extern advlock_result advl_start_commit(advlock *h, int answer_ms);

/* === unlock.c === */
extern advlock_result advl_send_release(advlock *h, const advl_lock *list,
										advl_handler on_results, int answer_ms);
extern void advl_release_all(advlock *h);

#endif							/* ADVLOCK_INT_H */
