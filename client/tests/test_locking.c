/*-------------------------------------------------------------------------
 *
 * test_locking.c
 *	  The blocking calls, with the extension and without.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

static void
two_handles_exclude(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check(strstr(advlock_error(b), "\"x\"") != NULL);
	check_result(b, advlock_status(b), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "y"), ADVLOCK_OK);
	check_string(advlock_error(b), "");
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

static void
locks_count(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_NOT_HELD);
	check(strstr(advlock_error(a), "\"x\"") != NULL);
	advlock_close(a);
	advlock_close(b);
}

static void
shared_with_shared_only(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(0);

	o.shared = 1;
	check_result(a, advlock_lock(a, "x", &o), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "x", &o), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_BUSY);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);

	/* Both modes at once, given back in turn. */
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	check_result(b, advlock_check(b), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", &o), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, "x"), ADVLOCK_NOT_HELD);
	advlock_close(a);
	advlock_close(b);
}

/* Longer than one slice of a wait without the extension. */
static void
timeout_is_kept(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(1200);
	int64_t		begin;

	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	begin = now_ms();
	check_result(b, advlock_lock(b, "x", &o), ADVLOCK_BUSY);
	check(now_ms() - begin >= 1199);
	check(now_ms() - begin < 2200);
	check_result(b, advlock_status(b), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "x", &o), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

static void
many_all_or_none(void)
{
	const char *const names[] = {"c", "a", "b", "a"};
	const char *const reversed[] = {"b", "a", "c"};
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(50);

	check_result(b, advlock_lock(b, "b", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock_many(a, names, 4, &o), ADVLOCK_BUSY);
	check_result(a, advlock_unlock(a, "a"), ADVLOCK_NOT_HELD);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "1");
	check_result(b, advlock_unlock(b, "b"), ADVLOCK_OK);

	check_result(a, advlock_lock_many(a, names, 4, &o), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_lock_many(b, reversed, 3, &o), ADVLOCK_BUSY);
	check_result(a, advlock_unlock(a, "a"), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "a"), ADVLOCK_NOT_HELD);
	check_result(b, advlock_try_lock(b, "a"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "c"), ADVLOCK_BUSY);
	advlock_close(a);
	advlock_close(b);
}

static void
permits_are_counted(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(50);

	o.permits = 3;
	check_result(a, advlock_lock(a, "p", &o), ADVLOCK_OK);
	check(advlock_permit(a, "p") == 1);
	check_result(a, advlock_lock(a, "p", &o), ADVLOCK_OK);
	check(advlock_permit(a, "p") == 2);
	check_result(b, advlock_lock(b, "p", &o), ADVLOCK_OK);
	check(advlock_permit(b, "p") == 3);
	check_result(b, advlock_lock(b, "p", &o), ADVLOCK_BUSY);
	check_result(a, advlock_check(a), ADVLOCK_OK);

	check_result(a, advlock_unlock(a, "p"), ADVLOCK_OK);
	check(advlock_permit(a, "p") == 1);
	check_result(b, advlock_lock(b, "p", &o), ADVLOCK_OK);
	check(advlock_permit(b, "p") == 2);
	check_result(a, advlock_unlock(a, "p"), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "p"), ADVLOCK_NOT_HELD);
	check(advlock_permit(a, "p") == 0);

	o.permits = 2147483647;
	check_result(a, advlock_lock(a, "q", &o), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, "q"), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

/* Who waits for a permit gets it when one comes back, in turn. */
static void
permit_is_passed_on(void)
{
	advlock    *a = open_ready();
	advlock    *first = open_ready();
	advlock    *second = open_ready();
	advlock_options o = with_timeout(-1);

	o.permits = 1;
	check_result(a, advlock_lock(a, "p", &o), ADVLOCK_OK);
	check_result(first, advlock_start_lock(first, "p", &o), ADVLOCK_WAITING);
	wait_until("SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND granted", NULL);
	check_result(second, advlock_start_lock(second, "p", &o), ADVLOCK_WAITING);
	wait_blocked(second);
	check_result(a, advlock_unlock(a, "p"), ADVLOCK_OK);
	check_result(first, finish(first), ADVLOCK_OK);
	check(advlock_permit(first, "p") == 1);
	check_result(first, advlock_unlock(first, "p"), ADVLOCK_OK);
	check_result(second, finish(second), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(first);
	advlock_close(second);
	wait_until("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'", NULL);
}

static void
tokens_grow(void)
{
	const char *const names[] = {"b", "a"};
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	int64_t		token = 0;
	char		text[30];

	check(advlock_has_extension(a));
	for (int i = 0; i < 10; i++)
	{
		advlock    *h = i % 2 == 0 ? a : b;

		check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		check(advlock_token(h, "x") > token);
		token = advlock_token(h, "x");
		check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		check(advlock_token(h, "x") == token);
		check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
		check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
		check(advlock_token(h, "x") == 0);
	}
	check_result(a, advlock_lock_many(a, names, 2, NULL), ADVLOCK_OK);
	check(advlock_token(a, "a") > token);
	check(advlock_token(a, "b") > token);
	check(advlock_token(a, "b") != advlock_token(a, "a"));
	snprintf(text, sizeof(text), "%lld", (long long) advlock_token(a, "b"));
	check_string(query_on(advlock_connection(a), "SELECT advisory_lock.token('b')", NULL), text);
	advlock_close(a);
	advlock_close(b);
}

static int
count_call(advlock *h, void *arg)
{
	int		   *calls = arg;

	check_result(h, advlock_check(h), ADVLOCK_OK);
	return ++*calls + 41;
}

static void
with_lock_runs_once(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options o = with_timeout(0);
	int			calls = 0;
	int			result = 0;

	check_result(a, advlock_with_lock(a, "x", &o, count_call, &calls, &result), ADVLOCK_OK);
	check(calls == 1 && result == 42);
	check_result(a, advlock_unlock(a, "x"), ADVLOCK_NOT_HELD);
	check_result(b, advlock_lock(b, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_with_lock(a, "x", &o, count_call, &calls, NULL), ADVLOCK_BUSY);
	check(calls == 1);
	advlock_close(a);
	advlock_close(b);
}

static int
release_behind(advlock *h, void *arg)
{
	(void) arg;
	(void) query_on(advlock_connection(h), "SELECT pg_advisory_unlock_all()", NULL);
	return 7;
}

static int
terminate_behind(advlock *h, void *arg)
{
	(void) arg;
	terminate(h);
	return 8;
}

static void
with_lock_tells_loss(void)
{
	advlock    *h = open_ready();
	int			result = 0;

	check_result(h, advlock_with_lock(h, "x", NULL, release_behind, NULL, &result), ADVLOCK_LOST);
	check(result == 7);
	check_result(h, advlock_with_lock(h, "x", NULL, terminate_behind, NULL, &result), ADVLOCK_LOST);
	check(result == 8);
	check_result(h, advlock_status(h), ADVLOCK_LOST);
	advlock_close(h);
}

static void
close_releases(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options shared = with_timeout(0);
	advlock_options permit = with_timeout(0);

	shared.shared = 1;
	permit.permits = 2;
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "x", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "s", &shared), ADVLOCK_OK);
	check_result(a, advlock_lock(a, "p", &permit), ADVLOCK_OK);
	advlock_close(a);
	check_result(b, advlock_try_lock(b, "x"), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "s"), ADVLOCK_OK);
	check_result(b, advlock_lock(b, "p", &permit), ADVLOCK_OK);
	check(advlock_permit(b, "p") == 1);
	advlock_close(b);
}

const test_case locking_tests[] = {
	{"two_handles_exclude", "any", two_handles_exclude},
	{"locks_count", "any", locks_count},
	{"shared_with_shared_only", "any", shared_with_shared_only},
	{"timeout_is_kept", "any", timeout_is_kept},
	{"many_all_or_none", "any", many_all_or_none},
	{"permits_are_counted", "any", permits_are_counted},
	{"permit_is_passed_on", "any", permit_is_passed_on},
	{"tokens_grow", "extension", tokens_grow},
	{"with_lock_runs_once", "any", with_lock_runs_once},
	{"with_lock_tells_loss", "any", with_lock_tells_loss},
	{"close_releases", "any", close_releases},
	{NULL, NULL, NULL}
};
