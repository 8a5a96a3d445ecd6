/*-------------------------------------------------------------------------
 *
 * test_lease.c
 *	  Leases and runs.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static advlock_options
lease_of(int lease_ms)
{
	advlock_options o = with_timeout(0);

	o.lease_ms = lease_ms;
	o.holder = "a test";
	return o;
}

static void
refuse_without_extension(advlock *h)
{
	advlock_options o = lease_of(5000);

	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_SERVER);
	check(strstr(advlock_error(h), "CREATE EXTENSION") != NULL);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_is_due(h, "x", 1000), ADVLOCK_SERVER);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	advlock_close(h);
}

/* Neither is held by mistake. */
static void
lease_arguments(void)
{
	advlock    *h = open_ready();
	advlock_options o = lease_of(999);

	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o.lease_ms = 86400001;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o = lease_of(2000);
	o.stop_ms = 1001;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o.stop_ms = -1;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o = lease_of(2000);
	o.at_least_ms = -1;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o = lease_of(2000);
	o.shared = 1;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	o = lease_of(0);
	o.at_least_ms = 1;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	check_result(h, advlock_is_due(h, "x", -1), ADVLOCK_INVALID);
	check_result(h, advlock_is_due(h, "x", 1), ADVLOCK_NOT_HELD);
	check_result(h, advlock_record_run(h, "x"), ADVLOCK_INVALID);

	/* One handle holds a lease or locks. */
	o = lease_of(2000);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_INVALID);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	advlock_close(h);
}

/* The lock's name, or its key, and how SQL has that as arguments. */
static void
hold_by_lease(const char *lock, const char *arguments)
{
	advlock    *h = open_ready();
	advlock    *other = open_ready();
	advlock_options o = lease_of(3000);
	char		terminate[100];

	snprintf(terminate, sizeof(terminate), "SELECT advisory_lock.terminate_holders(%s)", arguments);
	check_result(h, advlock_lock(h, lock, &o), ADVLOCK_OK);
	check(advlock_connection(h) == NULL && advlock_socket(h) == -1);
	check(advlock_token(h, lock) > 0);
	check(advlock_lease_left_ms(h) > 0 && advlock_lease_left_ms(h) <= 3000);
	check_string(query("SELECT holder FROM advisory_lock.leases", NULL), "a test");
	check_result(other, advlock_try_lock(other, lock), ADVLOCK_BUSY);
	check_result(other, advlock_lock(other, lock, &o), ADVLOCK_BUSY);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_INVALID);
	check_result(h, advlock_unlock(h, "y"), ADVLOCK_NOT_HELD);

	/* A check is a renewal; without one it is renewed in time. */
	check_result(h, advlock_check(h), ADVLOCK_OK);
	while (strcmp(query("SELECT expires_at - acquired_at > '4 s' FROM advisory_lock.leases", NULL), "t") != 0)
	{
		struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

		(void) poll(&p, 1, advlock_wait_ms(h) < 50 ? advlock_wait_ms(h) : 50);
		check_result(h, advlock_poll(h), ADVLOCK_OK);
	}

	/* Given back, it is for others; the handle has no session any more. */
	check_result(h, advlock_unlock(h, lock), ADVLOCK_OK);
	check(advlock_status(h) != ADVLOCK_OK && advlock_token(h, lock) == 0 && advlock_lease_left_ms(h) == 0);
	advlock_close(h);
	check_result(other, advlock_lock(other, lock, &o), ADVLOCK_OK);

	/* Closing gives it back, too; and one that was ended is lost. */
	advlock_close(other);
	other = open_ready();
	check_result(other, advlock_lock(other, lock, &o), ADVLOCK_OK);
	check_string(query(terminate, NULL), "1");
	check_result(other, advlock_check(other), ADVLOCK_LOST);
	check_result(other, advlock_status(other), ADVLOCK_LOST);
	advlock_close(other);
}

static void
lease_is_held(void)
{
	advlock    *h = open_ready();
	char		key[ADVLOCK_KEY_SIZE];

	if (!advlock_has_extension(h))
	{
		refuse_without_extension(h);
		return;
	}
	advlock_close(h);
	hold_by_lease("x", "'x'");
	hold_by_lease(advlock_key(key, INT64_MIN), "'-9223372036854775808'::bigint");
	hold_by_lease(advlock_key_pair(key, -1, 2), "-1, 2");
}

/* The caller has its time to stop; whoever does not poll is told as late as it asks. */
static void
lease_ends(void)
{
	advlock    *h = open_ready();
	advlock_options o = lease_of(1000);
	int64_t		began = now_ms();

	if (!advlock_has_extension(h))
	{
		advlock_close(h);
		return;
	}
	o.stop_ms = 400;
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_OK);
	check(poll(NULL, 0, advlock_lease_left_ms(h) - 350) == 0);
	check_result(h, advlock_poll(h), ADVLOCK_LOST);
	check(now_ms() - began >= 600);
	check(strstr(advlock_error(h), "is over") != NULL);
	advlock_close(h);
}

static void
run_counts(const char *name, bool lease)
{
	advlock    *h = open_ready();
	advlock_options o = lease_of(lease ? 5000 : 0);

	check_result(h, advlock_lock(h, name, &o), ADVLOCK_OK);
	check_result(h, advlock_is_due(h, name, 3600000), ADVLOCK_OK);
	check_result(h, advlock_record_run(h, name), ADVLOCK_OK);
	check_result(h, advlock_is_due(h, name, 3600000), ADVLOCK_NOT_DUE);
	check(strstr(advlock_error(h), "began at") != NULL);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_is_due(h, name, 0), ADVLOCK_OK);

	/* Somebody else has had the name since. */
	query("UPDATE advisory_lock.runs SET token = token + 1000000", NULL);
	check_result(h, advlock_record_run(h, name), ADVLOCK_SERVER);
	check_sqlstate(h, "55000");
	check_result(h, advlock_unlock(h, name), ADVLOCK_OK);
	check_result(h, advlock_is_due(h, name, 1), lease ? ADVLOCK_CONNECTION : ADVLOCK_NOT_HELD);
	check_string(query("SELECT count(*) FROM advisory_lock.runs", NULL), "1");
	query("DELETE FROM advisory_lock.runs", NULL);
	advlock_close(h);
}

/* One turn of the caller's loop, of 10 ms at most. */
static void
turn(advlock *h)
{
	struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

	(void) poll(&p, 1, advlock_wait_ms(h) < 10 ? advlock_wait_ms(h) : 10);
	check_result(h, advlock_poll(h), ADVLOCK_OK);
}

/* Whatever a renewal has come to, its answer is not taken for that of a run. */
static void
run_meets_renewal(void)
{
	advlock    *h = open_ready();
	advlock_options o = lease_of(3000);
	bool		extension = advlock_has_extension(h);

	for (int turns = 0; turns < 8 && extension; turns++)
	{
		check_result(h, advlock_lock(h, "job", &o), ADVLOCK_OK);
		check_result(h, advlock_is_due(h, "job", 3600000), ADVLOCK_OK);
		while (advlock_socket(h) < 0)
			turn(h);
		for (int i = 0; i < turns && advlock_socket(h) >= 0; i++)
			turn(h);
		check_result(h, advlock_record_run(h, "job"), ADVLOCK_OK);
		check_string(query("SELECT count(*) FROM advisory_lock.runs", NULL), "1");
		check_result(h, advlock_unlock(h, "job"), ADVLOCK_OK);
		query("DELETE FROM advisory_lock.runs", NULL);
		advlock_close(h);
		h = open_ready();
	}
	advlock_close(h);
}

static void
runs_are_recorded(void)
{
	advlock    *h = open_ready();
	bool		extension = advlock_has_extension(h);
	char		key[ADVLOCK_KEY_SIZE];

	advlock_close(h);
	if (!extension)
		return;
	for (int lease = 0; lease <= 1; lease++)
	{
		run_counts("job", lease);
		run_counts(advlock_key(key, 72707369), lease);
		run_counts(advlock_key_pair(key, INT32_MIN, INT32_MAX), lease);
	}
}

const test_case lease_tests[] = {
	{"lease_arguments", "any", lease_arguments},
	{"lease_is_held", "any", lease_is_held},
	{"lease_ends", "any", lease_ends},
	{"run_meets_renewal", "any", run_meets_renewal},
	{"runs_are_recorded", "any", runs_are_recorded},
	{0}
};
