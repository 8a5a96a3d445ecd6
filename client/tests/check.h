/*-------------------------------------------------------------------------
 *
 * check.h
 *	  What the tests of libadvlock share.
 *
 * A check that fails prints where and what, and ends the program with 1.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <advlock.h>

#define check(condition) \
	check_at((condition), #condition, __FILE__, __LINE__)
#define check_result(h, call, expected) \
	check_result_at((h), (call), (expected), #call, __FILE__, __LINE__)
#define check_sqlstate(h, expected) \
	check_string_at(advlock_sqlstate(h), (expected), "SQLSTATE", __FILE__, __LINE__)
#define check_string(got, expected) \
	check_string_at((got), (expected), #got, __FILE__, __LINE__)

extern void check_at(bool ok, const char *what, const char *file, int line);
extern void check_result_at(const advlock *h, advlock_result got, advlock_result expected,
							const char *what, const char *file, int line);
extern void check_string_at(const char *got, const char *expected,
							const char *what, const char *file, int line);

/* How the server under test is reached. */
extern const char *test_conninfo;
extern const char *test_name;	/* NULL outside of advlock_test */

/* A handle that is ready. */
extern advlock *open_ready(void);

/* Default options with a timeout. */
extern advlock_options with_timeout(int timeout_ms);

/* A connection besides the library. */
extern PGconn *connect_plain(const char *more);

/*
 * One value from a session of the test's own, "" for NULL; $1 is the second
 * argument.  Lives until the next call.
 */
extern const char *query(const char *sql, const char *param);
extern const char *query_on(PGconn *conn, const char *sql, const char *param);

/* Repeat a query until it gives true. */
extern void wait_until(const char *sql, const char *param);

/* The process id of the server's process behind a handle, as text. */
extern const char *server_pid(const advlock *h);

/* End the session of a handle from outside, and wait until it is gone. */
extern void terminate(const advlock *h);

/* Wait until the session waits for an advisory lock. */
extern void wait_blocked(const advlock *h);

/* Poll until the operation is over, for a minute at most. */
extern advlock_result finish(advlock *h);

/*
 * Have the server cancel the wait, and poll until it is over.  Again and again,
 * as it may come between two slices of a wait.
 */
extern advlock_result cancel(advlock *h);

extern int64_t now_ms(void);

/* A test, and where it makes sense. */
typedef struct test_case
{
	const char *name;
	const char *where;			/* "any", or a kind of server, see t/10*.pl */
	void		(*run) (void);
} test_case;

/* Each ends with an entry without a name. */
extern const test_case argument_tests[];
extern const test_case canceled_tests[];
extern const test_case close_tests[];
extern const test_case failure_tests[];
extern const test_case interrupt_tests[];
extern const test_case key_tests[];
extern const test_case lease_tests[];
extern const test_case locking_tests[];
extern const test_case nonblocking_tests[];
extern const test_case patience_tests[];
extern const test_case server_tests[];
extern const test_case session_tests[];
extern const test_case transaction_tests[];
extern const test_case trap_tests[];

#endif							/* CHECK_H */
