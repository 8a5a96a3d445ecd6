/*-------------------------------------------------------------------------
 *
 * test_keys.c
 *	  Locks that have a key and no name.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <string.h>

#include "check.h"

static const int64_t bigints[] = {-1, 72707369, INT64_MIN, INT64_MAX};
static const int32_t pairs[][2] = {
	{-1, 1}, {-1497367772, -977423767}, {INT32_MIN, INT32_MAX}
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What core's functions take under the key is what the handle holds. */
static void
check_key(advlock *a, const char *key, const char *try_raw)
{
	check_result(a, advlock_lock(a, key, NULL), ADVLOCK_OK);
	check((advlock_token(a, key) != 0) == advlock_has_extension(a));
	check_string(query(try_raw, key + 1), "f");
	check_result(a, advlock_lock(a, key, NULL), ADVLOCK_OK);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, key), ADVLOCK_OK);
	check_string(query(try_raw, key + 1), "f");
	check_result(a, advlock_unlock(a, key), ADVLOCK_OK);
	check_string(query(try_raw, key + 1), "t");
	check_result(a, advlock_unlock(a, key), ADVLOCK_NOT_HELD);
	check(strstr(advlock_error(a), key + 1) != NULL && strchr(advlock_error(a), '"') == NULL);
}

static void
keys_are_those_of_core(void)
{
	advlock    *a = open_ready();
	char		key[ADVLOCK_KEY_SIZE];

	for (size_t i = 0; i < COUNT(bigints); i++)
		check_key(a, advlock_key(key, bigints[i]), "SELECT pg_try_advisory_xact_lock($1::bigint)");
	for (size_t i = 0; i < COUNT(pairs); i++)
		check_key(a, advlock_key_pair(key, pairs[i][0], pairs[i][1]),
				  "SELECT pg_try_advisory_xact_lock(split_part($1, ',', 1)::integer,"
				  " split_part($1, ',', 2)::integer)");
	advlock_close(a);
}

/* In every mode, and beside locks that have a name. */
static void
keys_beside_names(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options shared = with_timeout(0);
	advlock_options wait = with_timeout(50);
	char		key[ADVLOCK_KEY_SIZE];
	char		pair[ADVLOCK_KEY_SIZE];

	shared.shared = 1;
	advlock_key(key, 5);
	advlock_key_pair(pair, 0, 5);
	check_result(a, advlock_lock(a, "5", NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, key, &shared), ADVLOCK_OK);
	check_result(a, advlock_lock(a, pair, NULL), ADVLOCK_OK);
	check_result(b, advlock_lock(b, key, &shared), ADVLOCK_OK);
	check_result(b, advlock_lock(b, pair, &shared), ADVLOCK_BUSY);
	check_result(b, advlock_lock(b, key, &wait), ADVLOCK_BUSY);
	check(strstr(advlock_error(b), "lock 5 is held") != NULL);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_string(query_on(advlock_connection(a), "SELECT pg_advisory_unlock_shared(5)", NULL), "t");
	check_result(a, advlock_check(a), ADVLOCK_LOST);
	check(strstr(advlock_error(a), "lock 5 ") != NULL);
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, key), ADVLOCK_OK);
	advlock_close(a);
	check_result(b, advlock_try_lock(b, key), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, pair), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, "5"), ADVLOCK_OK);
	advlock_close(b);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
}

static void
keys_in_transaction(void)
{
	advlock_open_options o;
	advlock    *a;
	advlock    *b = open_ready();
	advlock_options shared = with_timeout(0);
	char		key[ADVLOCK_KEY_SIZE];
	char		pair[ADVLOCK_KEY_SIZE];

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	o.transaction = 1;
	a = advlock_open_with(&o);
	shared.shared = 1;
	check_result(a, advlock_lock(a, advlock_key(key, -7), NULL), ADVLOCK_OK);
	check_result(a, advlock_lock(a, advlock_key_pair(pair, 7, -7), &shared), ADVLOCK_OK);
	check((advlock_token(a, key) != 0) == advlock_has_extension(a));
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, key), ADVLOCK_BUSY);
	check_result(b, advlock_try_lock(b, pair), ADVLOCK_BUSY);
	check_result(b, advlock_lock(b, pair, &shared), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, key), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, key), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

/* What is written in another way is no key, and no name either. */
static void
keys_that_are_none(void)
{
	static const char *const wrong[] = {
		"\xFF", "\xFF" "05", "\xFF+5", "\xFF 5", "\xFF" "5 ", "\xFF-0", "\xFF" "9223372036854775808",
		"\xFF" "1,", "\xFF,1", "\xFF" "1,2147483648", "\xFF" "1,02", "\xFF" "1,2,3", "\xFFx"
	};
	advlock    *a = open_ready();
	advlock_options permits = with_timeout(0);
	char		key[ADVLOCK_KEY_SIZE];

	advlock_key(key, 1);
	permits.permits = 2;
	for (size_t i = 0; i < COUNT(wrong); i++)
	{
		check_result(a, advlock_try_lock(a, wrong[i]), ADVLOCK_INVALID);
		check_result(a, advlock_unlock(a, wrong[i]), ADVLOCK_INVALID);
	}
	check_result(a, advlock_lock(a, key, &permits), ADVLOCK_INVALID);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
	advlock_close(a);
}

/* With names and other keys, all or none, in the order of the keys. */
static void
keys_among_many(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	advlock_options now = with_timeout(0);
	char		first[ADVLOCK_KEY_SIZE];
	char		second[ADVLOCK_KEY_SIZE];
	char		last[ADVLOCK_KEY_SIZE];
	const char *all[] = {
		advlock_key_pair(last, INT32_MAX, 0), "test-lock", advlock_key(second, 7),
		advlock_key(first, INT64_MIN), second
	};
	const char *reversed[] = {second, last, first, "test-lock"};

	check_result(a, advlock_lock_many(a, all, COUNT(all), NULL), ADVLOCK_OK);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted", NULL), "4");
	for (size_t i = 0; i < COUNT(all); i++)
	{
		check((advlock_token(a, all[i]) != 0) == advlock_has_extension(a));
		check_result(b, advlock_try_lock(b, all[i]), ADVLOCK_BUSY);
	}
	check_result(a, advlock_check(a), ADVLOCK_OK);
	check_result(b, advlock_lock_many(b, reversed, COUNT(reversed), &now), ADVLOCK_BUSY);

	/* None of the others is kept when the last one is not to be had. */
	for (size_t i = 1; i < COUNT(all) - 1; i++)
		check_result(a, advlock_unlock(a, all[i]), ADVLOCK_OK);
	check_result(b, advlock_lock_many(b, reversed, COUNT(reversed), &now), ADVLOCK_BUSY);
	check(strstr(advlock_error(b), "lock 2147483647,0 is held") != NULL);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "1");

	/* Nor when the wait for it is canceled, but what was held before is. */
	check_result(b, advlock_lock(b, second, NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock_many(b, reversed, COUNT(reversed), NULL), ADVLOCK_WAITING);
	while (strcmp(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", NULL), "1") != 0)
		check_result(b, advlock_poll(b), ADVLOCK_WAITING);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted", NULL), "4");
	check_result(b, cancel(b), ADVLOCK_CANCELED);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "2");
	check_result(b, advlock_check(b), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, second), ADVLOCK_OK);
	check_result(b, advlock_unlock(b, second), ADVLOCK_NOT_HELD);
	advlock_close(a);
	advlock_close(b);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
}

/* A wait that is canceled leaves nothing, and a deadlock is one. */
static void
keys_after_failure(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	char		key[ADVLOCK_KEY_SIZE];

	check_result(a, advlock_lock(a, advlock_key(key, 72707369), NULL), ADVLOCK_OK);
	check_result(b, advlock_start_lock(b, key, NULL), ADVLOCK_WAITING);
	wait_blocked(b);
	check_result(b, cancel(b), ADVLOCK_CANCELED);
	check_result(b, advlock_status(b), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, key), ADVLOCK_OK);
	check_result(a, advlock_try_lock(a, key), ADVLOCK_OK);
	terminate(a);
	check_result(a, finish(a), ADVLOCK_LOST);
	check_result(b, advlock_lock(b, key, NULL), ADVLOCK_OK);
	advlock_close(a);
	advlock_close(b);
}

const test_case key_tests[] = {
	{"keys_are_those_of_core", "any", keys_are_those_of_core},
	{"keys_beside_names", "any", keys_beside_names},
	{"keys_in_transaction", "any", keys_in_transaction},
	{"keys_among_many", "any", keys_among_many},
	{"keys_that_are_none", "any", keys_that_are_none},
	{"keys_after_failure", "any", keys_after_failure},
	{NULL, NULL, NULL}
};
