/*-------------------------------------------------------------------------
 *
 * advlock.h
 *	  Named locks for PostgreSQL: the interface of libadvlock.
 *
 * A handle is one database session.  It may hold many locks; they are all
 * released when it is closed, and by the server when the connection ends.
 *
 * Rules that hold for every function here:
 *
 * - Names are NUL-terminated text in UTF-8, 1 to 1024 bytes.  They are sent
 *   as parameters, never as part of an SQL text.  Where a name is asked for, a
 *   key can be given instead, see advlock_key().
 * - A handle belongs to one thread at a time.  Different handles may be used
 *   by different threads at once; there is no global state.
 * - Nothing is printed, no signal handler is installed, exit() is never
 *   called.  The reason of a failure is kept in the handle until the next
 *   call: advlock_error() for people, advlock_sqlstate() for programs.
 * - Strings returned belong to the handle and live until the next call with
 *   it, unless said otherwise.
 * - Durations are milliseconds, on a clock that nobody can set and that goes on
 *   while the machine is suspended.
 * - Values of the enumerations are never renumbered or removed.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_H
#define ADVLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#ifdef __cplusplus
extern "C"
{
#endif

/* The version of this header; advlock_version() tells the library's. */
#define ADVLOCK_VERSION "1.0"

/* One database session, opaque. */
typedef struct advlock advlock;

/*
 * What every operation returns.  When an operation fails, ask
 * advlock_status(): as long as that says ADVLOCK_OK the handle can be used
 * on, and it holds what it held before the call (after ADVLOCK_LOST: all but
 * the lock that advlock_error() names).  Once it says something else the
 * session is gone, and every lock with it; all that is left to do with the
 * handle is to read the reason and close it.
 */
typedef enum advlock_result
{
	ADVLOCK_OK = 0,				/* done; after a lock call: it is held */
	ADVLOCK_BUSY = 1,			/* not had: the time ran out */
	ADVLOCK_LOST = 2,			/* the session or the lock was held and is gone */
	ADVLOCK_NOT_HELD = 3,		/* this handle does not hold the lock */
	ADVLOCK_DEADLOCK = 4,		/* the server broke a deadlock (40P01) */
	ADVLOCK_CANCELED = 5,		/* the wait was canceled (57014) */
	ADVLOCK_INVALID = 6,		/* an argument is wrong; nothing was sent or done */
	ADVLOCK_CONNECTION = 7,		/* no session could be had */
	ADVLOCK_SERVER = 8,			/* any other error of the server's */
	ADVLOCK_POOLER = 9,			/* a pooler is between, see allow_pooler */
	ADVLOCK_STANDBY = 10,		/* the server is a standby, see allow_standby */
	ADVLOCK_NOMEM = 11,			/* out of memory */
	ADVLOCK_WAITING = 12,		/* not done yet: wait for advlock_events() */
	ADVLOCK_NOT_DUE = 13		/* of advlock_is_due(): it has been done */
} advlock_result;

/*
 * How to open a session.  Always fill it with advlock_open_options_init()
 * first; the reserved room lets it grow without breaking callers.
 */
typedef struct advlock_open_options
{
	/*
	 * libpq connection string, URI or database name; NULL: libpq's own
	 * environment.  TCP keepalives (client notices a dead peer within 10 s)
	 * are added unless it sets them, and target_session_attrs "any", which is
	 * libpq's default, is taken for "primary" unless a standby is allowed.
	 *
	 * Hosts, and all addresses of a host, are tried one after the other until
	 * a session is ready, whatever is wrong with those before: silent,
	 * refusing the connection, the user or the database, or a standby.
	 */
	const char *conninfo;

	/* Shown in pg_stat_activity; NULL: "advlock". */
	const char *application_name;

	/*
	 * Time to get the session ready, with all hosts; -1: no limit.  One
	 * address gets libpq's connect_timeout where that is set; else its share
	 * of what is left of this time; else, without limit, 5 s.  (Behind a
	 * pooler that is allowed only the connection to it is measured so.)
	 */
	int			timeout_ms;

	/*
	 * Accept a connection pooler between us and the server.  Right only for
	 * a pooler in session mode, or together with transaction.
	 */
	int			allow_pooler;

	/* Accept a standby; its locks are local to it and carry no token. */
	int			allow_standby;

	/*
	 * Hold transaction-level locks inside one open transaction, for poolers
	 * in transaction mode.  The first lock begins it; advlock_unlock() commits
	 * it, which releases every lock of the handle.  Permits and several locks
	 * at once are not to be had in this mode.
	 */
	int			transaction;

	/*
	 * Begin with this host of the list, counted from 0 and around, and go on
	 * behind it; see advlock_next_host().
	 */
	int			first_host;

	/*
	 * While an answer is awaited, a second connection to the server asks about
	 * so often, and at random times, whether it still does anything; a server
	 * that has not answered after as long again is given up (ADVLOCK_LOST).
	 * It takes a process of the server's for a moment, no login and no slot.
	 * Default: 15000; 0: never.  Not done behind a pooler, nor on a connection
	 * of the caller's.
	 */
	int			probe_ms;

	int			reserved[8];
} advlock_open_options;

/* The longest lock_delay_ms that the server accepts: one hour. */
#define ADVLOCK_MAX_LOCK_DELAY_MS 3600000

/* What a lease may last. */
#define ADVLOCK_MIN_LEASE_MS 1000
#define ADVLOCK_MAX_LEASE_MS 86400000

/* How to lock.  Fill with advlock_options_init() first. */
typedef struct advlock_options
{
	/* Non-zero: shared mode. */
	int			shared;

	/* -1: wait for ever; 0: do not wait; else at most so many ms. */
	int			timeout_ms;

	/* 0: an ordinary lock; N > 0: be one of at most N holders. */
	int			permits;

	/*
	 * Keep others off the name for so long when this session ends without
	 * unlocking; -1: leave the session's setting.  It stays in force for the
	 * session.  At most ADVLOCK_MAX_LOCK_DELAY_MS; without effect unless
	 * advlock_has_registry().  So long after a server's start we wait, too:
	 * all that it does to a lease or a transaction's lock.
	 */
	int			lock_delay_ms;

	/*
	 * 0: hold the lock by a session.  Else by a lease of so long, which needs
	 * no connection and outlives a restart of the server: once it is had the
	 * handle closes its session, and renews the lease every third of the time
	 * by new ones, in advlock_poll().  So that has to be called whenever
	 * advlock_socket() is ready or advlock_wait_ms() have passed, and may not
	 * be left out for longer.  Needs the extension, a handle of the library's
	 * own that holds nothing else, and neither permits nor shared mode.  When
	 * the lease is given back, the handle is to be closed.
	 */
	int			lease_ms;

	/*
	 * What the caller needs to stop its work: a lease that cannot be renewed
	 * is ADVLOCK_LOST so long before others can have it; half of it at most.
	 */
	int			stop_ms;

	/* Keep others off until so long after a lease was had, even if given back. */
	int			at_least_ms;

	/*
	 * What the holder of a lease is called for others, until the operation is
	 * over; NULL: program, role and address, as the server knows them.
	 */
	const char *holder;

	/* 0, or that of the same role's handle whose session was lost in the queue */
	int64_t		lease_ticket;

	int			reserved[8];
} advlock_options;

/* === Opening and closing === */

/*
 * Open a session and make it ready for locking, blocking.  Returns a handle
 * even on failure, so that the reason can be read: ask advlock_status().
 * NULL only when memory ran out.  Free it with advlock_close().
 */
extern advlock *advlock_open(const char *conninfo);

/* Set every field to its default. */
extern void advlock_open_options_init(advlock_open_options *o);

/* The same with options.  They are copied and may go afterwards. */
extern advlock *advlock_open_with(const advlock_open_options *o);

/*
 * Begin to open a session without blocking.  Go on with advlock_poll() until
 * it says something else than ADVLOCK_WAITING.  Host names are looked up in a
 * thread that blocks all signals and ends by itself; closing the handle does
 * not wait for it.
 */
extern advlock *advlock_start_open(const advlock_open_options *o);

/*
 * Use a connection of the caller's; asks the server what it is, blocking.
 * The connection must be idle and outside a transaction, stays the caller's,
 * and must outlive the handle; the caller runs nothing on it while an
 * operation of the handle is under way.  Session settings are left as they
 * are, so a statement_timeout ends a wait with ADVLOCK_CANCELED and a
 * lock_timeout with ADVLOCK_BUSY.  Names outside ASCII need client_encoding
 * UTF8.  Returns a handle even on failure; NULL only without memory.
 */
extern advlock *advlock_attach(PGconn *conn);

/*
 * The same without blocking; go on with advlock_poll().  o may be NULL; its
 * conninfo and application_name are not used.
 */
extern advlock *advlock_start_attach(PGconn *conn, const advlock_open_options *o);

/*
 * Release all locks of the handle and free it.  An own connection is closed;
 * an attached one stays open.  NULL is fine.  Does not block for much longer
 * than one second.
 *
 * Whatever the session is doing, no lock of the handle is left in it: a wait
 * is canceled, a failed transaction of the caller's rolled back, a query of
 * the caller's own awaited and its results dropped.  When the server has not
 * confirmed within that second that the locks are released, the session ends.
 * An attached connection is unusable then: PQstatus() says CONNECTION_BAD, and
 * all that can be done with it is PQreset() or PQfinish().  The same happens
 * to it when an operation gives up a server that does not answer.
 */
extern void advlock_close(advlock *h);

/*
 * ADVLOCK_OK: ready.  ADVLOCK_WAITING: an operation is under way.  Else why
 * the handle cannot be used: ADVLOCK_CONNECTION, ADVLOCK_LOST,
 * ADVLOCK_POOLER, ADVLOCK_STANDBY, ADVLOCK_SERVER (its advisory locks are
 * not reliable, or it cannot be asked), ADVLOCK_INVALID (an attached
 * connection was not idle, or h is NULL), ADVLOCK_NOMEM.  Costs nothing: it
 * does not ask the server.
 */
extern advlock_result advlock_status(const advlock *h);

/*
 * The last error, without a final newline; "" if none.  The first line says
 * what is wrong; lines that begin with "DETAIL:" and "HINT:" may follow.
 * Never contains a password.
 */
extern const char *advlock_error(const advlock *h);

/* The SQLSTATE of the last error, five characters; "" if it had none. */
extern const char *advlock_sqlstate(const advlock *h);

/*
 * Non-zero if the last error is of a kind that is over after a while, so that
 * trying again makes sense: a server that could not be reached or found, did
 * not answer, closed the connection, starts up or shuts down (57P01-57P03), or
 * is full (class 53, such as 53300, too many connections).  Zero for what
 * somebody has to mend: a wrong password, database or parameter, a pooler, a
 * standby.  When several hosts were tried: whether one of them had such
 * trouble.
 */
extern int	advlock_may_pass(const advlock *h);

/*
 * Which host to begin with when the session is lost or could not be had, as
 * first_host of advlock_open_options: the one behind the host tried last, so
 * that one that fails again and again cannot take all the time.
 */
extern int	advlock_next_host(const advlock *h);

/*
 * The server's warnings since the last call of this, the oldest first, each as
 * advlock_error() has it; "" if there were none.  One that matters: two names
 * have the same key.  Reading clears them; the text lives until the next call
 * of this.  Only for sessions of the library's own: on an attached connection
 * warnings go to the caller's notice receiver, as libpq's do.
 */
extern const char *advlock_notice(advlock *h);

/*
 * Non-zero if the server has the extension.  Without it the same keys go
 * through pg_advisory_lock(): no tokens, and a wait is cut into slices.  When
 * it comes or goes while nothing is held, one call that takes a lock fails
 * with ADVLOCK_SERVER and advlock_may_pass(), and this is another one after.
 */
extern int	advlock_has_extension(const advlock *h);

/*
 * Non-zero if lock_delay_ms has an effect: the server has the registry, no
 * pooler is between, which would release the locks of a client that has gone,
 * and the locks are session-level ones.
 */
extern int	advlock_has_registry(const advlock *h);

/*
 * The libpq connection, for queries of the caller's own in the same session;
 * never while an operation is under way, and never to be finished.  NULL once
 * the session is gone.
 */
extern PGconn *advlock_connection(const advlock *h);

/*
 * The server process of the session, pid in pg_stat_activity; 0 before the
 * session is ready.  PQbackendPID() tells what a pooler made up.
 */
extern int	advlock_backend_pid(const advlock *h);

/*
 * Which database it is, of which running server, as a word to be compared;
 * "" before the session is ready.  It is the same whatever the connection is
 * made by, and another one once the server has been started again.
 */
extern const char *advlock_database(const advlock *h);

/* The version of the library, as "1.0". */
extern const char *advlock_version(void);

/* A short English phrase for a result, never NULL, static. */
extern const char *advlock_result_text(advlock_result r);

/* === Locks that have a key and no name === */

/* Room for a key as text. */
#define ADVLOCK_KEY_SIZE 32

/*
 * Write what stands for a lock that is known by its key, to be given in place
 * of a name: the lock of pg_advisory_lock(bigint) with this key, or that of
 * pg_advisory_lock(integer, integer).  The buffer has ADVLOCK_KEY_SIZE bytes,
 * and is returned.
 *
 *		char key[ADVLOCK_KEY_SIZE];
 *		advlock_lock(h, advlock_key(key, 72707369), NULL);
 *
 * The text begins with a byte that no name can have, and the same key is always
 * the same text.  So there is one type for names and keys, and every function
 * that takes a name takes a key: there is not a second one of each, and no
 * option that a later unlock could contradict.  Permits alone are to be had by
 * names only (ADVLOCK_INVALID).
 */
extern const char *advlock_key(char *buffer, int64_t key);
extern const char *advlock_key_pair(char *buffer, int32_t key1, int32_t key2);

/* === Locking, blocking === */

/* Set every field to its default: exclusive, wait for ever, no permits. */
extern void advlock_options_init(advlock_options *o);

/*
 * Take the lock (or a permit), waiting in the server's own queue and without
 * holding a snapshot, so that a job under the lock may run CREATE INDEX
 * CONCURRENTLY.  For the same reason the session must be outside a
 * transaction (ADVLOCK_INVALID).  o may be NULL for the defaults.  Locks
 * count: locked twice, unlock twice.  Permits do not: each is another one.
 *
 * Returns ADVLOCK_OK, BUSY (the time ran out), DEADLOCK, CANCELED, INVALID,
 * LOST (the session ended), STANDBY, SERVER or NOMEM.  A server that is
 * silent for one second beyond the timeout is given up: ADVLOCK_BUSY if
 * nothing was held, ADVLOCK_LOST otherwise.
 */
extern advlock_result advlock_lock(advlock *h, const char *name,
								   const advlock_options *o);

/* Take the lock if it is free now: ADVLOCK_OK or ADVLOCK_BUSY. */
extern advlock_result advlock_try_lock(advlock *h, const char *name);

/*
 * Take all of the locks or none, in key order, with one deadline; a name
 * given twice is taken once.  Permits and shared mode are not offered here
 * (ADVLOCK_INVALID).  The names are copied.  Results as above.
 */
extern advlock_result advlock_lock_many(advlock *h, const char *const *names,
										size_t count, const advlock_options *o);

/*
 * Give the lock (or the permit, the latest taken) back once.
 * ADVLOCK_NOT_HELD if this handle did not hold it: then it had been lost or
 * released before.
 */
extern advlock_result advlock_unlock(advlock *h, const char *name);

/*
 * Run fn while holding the lock, then unlock.  *result (may be NULL) gets
 * what fn returned.  fn is not run unless ADVLOCK_OK is the result of
 * taking the lock.  ADVLOCK_LOST if the lock was gone when fn returned; its
 * work was not protected to the end then.
 */
extern advlock_result advlock_with_lock(advlock *h, const char *name,
										const advlock_options *o,
										int (*fn) (advlock *h, void *arg),
										void *arg, int *result);

/*
 * Ask the server, in one round trip, whether every lock of the handle is
 * still held: ADVLOCK_OK, or ADVLOCK_LOST with the name in advlock_error().
 * A lock that was lost and taken again has another token and counts as lost.
 * Where the extension cannot be asked any more, pg_locks is.
 *
 * ADVLOCK_SERVER with advlock_status() at ADVLOCK_OK: the server lives but
 * could not tell, because somebody rewrites a catalog, for one; it says so
 * within a few seconds.  The session holds what it held; ask again.  A server
 * that does not answer at all within ten seconds counts as lost.
 */
extern advlock_result advlock_check(advlock *h);

/*
 * The fencing token of a lock this handle holds, for advisory_lock.fence() or
 * a check at the resource; 0 if not held, or if the lock has none (without
 * the extension, and on a standby).  Does not ask the server.
 */
extern int64_t advlock_token(const advlock *h, const char *name);

/* Which permit of the name this handle holds, the latest taken; 0 if none. */
extern int	advlock_permit(const advlock *h, const char *name);

/*
 * Has what this lock protects not been done for so long?  ADVLOCK_NOT_DUE if a
 * run was recorded that began within the last within_ms, else ADVLOCK_OK: do
 * it now, under the lock, and if it succeeds call advlock_record_run().  All
 * times are the server's.  Asks it, so do this once before the work; of runs
 * of other roles it says what advisory_lock.last_run() does.
 */
extern advlock_result advlock_is_due(advlock *h, const char *name, int within_ms);

/*
 * The work under the lock has succeeded, as a run that began when
 * advlock_is_due() was asked.  ADVLOCK_SERVER, with SQLSTATE 55000, if somebody
 * has held the lock since: then it was lost, and the run does not count.
 */
extern advlock_result advlock_record_run(advlock *h, const char *name);

/* For how many ms the lease is certain to last, since its request; 0: none held. */
extern int	advlock_lease_left_ms(const advlock *h);

/* The place in the queue for a lease, kept for 10 s by the server; 0: none. */
extern int64_t advlock_lease_ticket(const advlock *h);

/* === Without blocking === */

/*
 * Begin an operation; go on with advlock_poll().  One operation at a time is
 * under way on a handle (ADVLOCK_INVALID otherwise).  Returns what
 * advlock_poll() would.
 */
extern advlock_result advlock_start_lock(advlock *h, const char *name,
										 const advlock_options *o);
extern advlock_result advlock_start_lock_many(advlock *h, const char *const *names,
											  size_t count, const advlock_options *o);
extern advlock_result advlock_start_unlock(advlock *h, const char *name);
extern advlock_result advlock_start_check(advlock *h);
extern advlock_result advlock_start_is_due(advlock *h, const char *name, int within_ms);
extern advlock_result advlock_start_record_run(advlock *h, const char *name);

/*
 * Go on with whatever is under way, as far as possible without blocking.
 * ADVLOCK_WAITING: wait until the socket is ready for advlock_events() or
 * advlock_wait_ms() have passed, then call again.  Anything else: the
 * operation is over and this is its result.  With nothing under way:
 * ADVLOCK_OK, or ADVLOCK_LOST once the connection is gone; so a program that
 * holds a lock polls the socket for reading and calls this when it is
 * readable.
 */
extern advlock_result advlock_poll(advlock *h);

/* The socket to poll; it can change while connecting.  -1: there is none. */
extern int	advlock_socket(const advlock *h);

/* What to poll it for: a mask of POLLIN and POLLOUT from <poll.h>. */
extern int	advlock_events(const advlock *h);

/* Call advlock_poll() again after so many ms at the latest; -1: no need. */
extern int	advlock_wait_ms(const advlock *h);

#ifdef __cplusplus
}
#endif

#endif							/* ADVLOCK_H */
