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

static void
lease_is_held(void)
{
	advlock    *h = open_ready();
	advlock    *other = open_ready();
	advlock_options o = lease_of(3000);

	if (!advlock_has_extension(h))
	{
		advlock_close(other);
		refuse_without_extension(h);
		return;
	}
	check_result(h, advlock_lock(h, "x", &o), ADVLOCK_OK);
	check(advlock_connection(h) == NULL && advlock_socket(h) == -1);
	check(advlock_token(h, "x") > 0);
	check(advlock_lease_left_ms(h) > 0 && advlock_lease_left_ms(h) <= 3000);
	check_string(query("SELECT holder FROM advisory_lock.leases WHERE name = 'x'", NULL), "a test");
	check_result(other, advlock_try_lock(other, "x"), ADVLOCK_BUSY);
	check_result(other, advlock_lock(other, "x", &o), ADVLOCK_BUSY);
	check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_INVALID);
	check_result(h, advlock_unlock(h, "y"), ADVLOCK_NOT_HELD);

	/* A check is a renewal; without one it is renewed in time. */
	check_result(h, advlock_check(h), ADVLOCK_OK);
	while (strcmp(query("SELECT expires_at - acquired_at > '4 s' FROM advisory_lock.leases WHERE name = 'x'", NULL), "t") != 0)
	{
		struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};

		(void) poll(&p, 1, advlock_wait_ms(h) < 50 ? advlock_wait_ms(h) : 50);
		check_result(h, advlock_poll(h), ADVLOCK_OK);
	}

	/* Given back, it is for others; the handle has no session any more. */
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check(advlock_status(h) != ADVLOCK_OK && advlock_token(h, "x") == 0 && advlock_lease_left_ms(h) == 0);
	advlock_close(h);
	check_result(other, advlock_lock(other, "x", &o), ADVLOCK_OK);

	/* Closing gives it back, too; and one that was ended is lost. */
	advlock_close(other);
	other = open_ready();
	check_result(other, advlock_lock(other, "x", &o), ADVLOCK_OK);
	check_string(query("SELECT advisory_lock.terminate_holders('x')", NULL), "1");
	check_result(other, advlock_check(other), ADVLOCK_LOST);
	check_result(other, advlock_status(other), ADVLOCK_LOST);
	advlock_close(other);
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
run_counts(bool lease)
{
	const char *name = lease ? "leased" : "locked";
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
	query("UPDATE advisory_lock.runs SET token = token + 1000000 WHERE name = $1", name);
	check_result(h, advlock_record_run(h, name), ADVLOCK_SERVER);
	check_sqlstate(h, "55000");
	check_result(h, advlock_unlock(h, name), ADVLOCK_OK);
	advlock_close(h);
}

static void
runs_are_recorded(void)
{
	advlock    *h = open_ready();
	bool		extension = advlock_has_extension(h);

	advlock_close(h);
	if (!extension)
		return;
	run_counts(false);
	run_counts(true);
}

const test_case lease_tests[] = {
	{"lease_arguments", "any", lease_arguments},
	{"lease_is_held", "any", lease_is_held},
	{"lease_ends", "any", lease_ends},
	{"runs_are_recorded", "any", runs_are_recorded},
	{0}
};
