/*-------------------------------------------------------------------------
 *
 * test_arguments.c
 *	  What the caller may pass, and what is refused.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char held_by_keys[] =
"SELECT EXISTS (SELECT FROM pg_locks, sha256(convert_to($1, 'UTF8')) AS d"
" WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
" AND classid = (get_byte(d, 0) + get_byte(d, 1) * 256::bigint"
" + get_byte(d, 2) * 65536::bigint + get_byte(d, 3) * 16777216::bigint)::oid"
" AND objid = (get_byte(d, 4) + get_byte(d, 5) * 256::bigint"
" + get_byte(d, 6) * 65536::bigint + get_byte(d, 7) * 16777216::bigint)::oid)";

static const char *const good_names[] = {
	"x", " ", "'; DROP TABLE x; --", "\"", "\\", "\\x41", "%s%n%d", "{a,b}", "NULL",
	"$1", "line\nbreak", "\x01", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x94\x92 lock",
	"\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf",
};

static void
check_name(const char *name)
{
	advlock    *h = open_ready();
	advlock    *other = open_ready();

	check_result(h, advlock_lock(h, name, NULL), ADVLOCK_OK);
	check_string(query(held_by_keys, name), "t");
	check_result(other, advlock_try_lock(other, name), ADVLOCK_BUSY);
	check_result(h, advlock_lock_many(h, &name, 1, NULL), ADVLOCK_OK);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, name), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, name), ADVLOCK_OK);
	check_result(other, advlock_try_lock(other, name), ADVLOCK_OK);
	advlock_close(h);
	advlock_close(other);
}

static void
names_of_all_kinds(void)
{
	char		longest[1025];

	for (size_t i = 0; i < sizeof(good_names) / sizeof(good_names[0]); i++)
		check_name(good_names[i]);
	memset(longest, 'n', 1024);
	longest[1024] = '\0';
	check_name(longest);
}

static const char *const malformed_names[] = {
	"\x80", "\xff", "a\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
	"\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1", "\xf0\x9f\x94",
};

static void
check_refused(advlock *h, const char *name)
{
	const char *names[] = {"good", name};

	check_result(h, advlock_lock(h, name, NULL), ADVLOCK_INVALID);
	check(advlock_error(h)[0] != '\0');
	check_sqlstate(h, "");
	check_result(h, advlock_try_lock(h, name), ADVLOCK_INVALID);
	check_result(h, advlock_lock_many(h, names, 2, NULL), ADVLOCK_INVALID);
	check_result(h, advlock_unlock(h, name), ADVLOCK_INVALID);
	check(advlock_token(h, name) == 0);
	check(advlock_permit(h, name) == 0);
}

static void
bad_names(void)
{
	advlock    *h = open_ready();
	char		too_long[1026];

	memset(too_long, 'n', 1025);
	too_long[1025] = '\0';
	check_refused(h, NULL);
	check_refused(h, "");
	check_refused(h, too_long);
	for (size_t i = 0; i < sizeof(malformed_names) / sizeof(malformed_names[0]); i++)
		check_refused(h, malformed_names[i]);

	check_result(h, advlock_status(h), ADVLOCK_OK);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
	advlock_close(h);
}

/* Random bytes: the library lets through exactly what the server takes. */
static void
random_names(void)
{
	PGconn	   *conn = connect_plain("client_encoding=UTF8");
	advlock    *h = open_ready();

	srandom(20260101);
	for (int i = 0; i < 1000; i++)
	{
		char		name[9] = {0};
		const char *param = name;
		PGresult   *res;

		for (long j = random() % 8; j >= 0; j--)
			name[j] = random() % 255 + 1;
		res = PQexecParams(conn, "SELECT $1::text", 1, NULL, &param, NULL, NULL, 0);
		if (strlen(name) > 0)
			check_result(h, advlock_try_lock(h, name),
						 PQresultStatus(res) == PGRES_TUPLES_OK ? ADVLOCK_OK : ADVLOCK_INVALID);
		PQclear(res);
	}
	PQfinish(conn);
	advlock_close(h);
}

static void
bad_options(void)
{
	advlock    *h = open_ready();
	const char *name = "a";
	advlock_options o = with_timeout(-2);

	check_result(h, advlock_lock(h, "a", &o), ADVLOCK_INVALID);
	o = with_timeout(0);
	o.permits = -1;
	check_result(h, advlock_lock(h, "a", &o), ADVLOCK_INVALID);
	o.permits = 1;
	o.shared = 1;
	check_result(h, advlock_lock(h, "a", &o), ADVLOCK_INVALID);
	o.permits = 0;
	check_result(h, advlock_lock_many(h, &name, 1, &o), ADVLOCK_INVALID);
	o.shared = 0;
	o.permits = 1;
	check_result(h, advlock_lock_many(h, &name, 1, &o), ADVLOCK_INVALID);
	o.permits = 0;
	o.lock_delay_ms = -2;
	check_result(h, advlock_lock(h, "a", &o), ADVLOCK_INVALID);
	check_result(h, advlock_lock_many(h, &name, 0, NULL), ADVLOCK_INVALID);
	check_result(h, advlock_lock_many(h, NULL, 1, NULL), ADVLOCK_INVALID);
	check_result(h, advlock_try_lock(h, "a"), ADVLOCK_OK);
	advlock_close(h);
}

/* A timeout as long as can be is no overflow. */
static void
longest_timeout(void)
{
	advlock    *h = open_ready();
	advlock_options o = with_timeout(2147483647);

	check_result(h, advlock_lock(h, "a", &o), ADVLOCK_OK);
	check_result(h, advlock_start_lock(h, "b", &o), ADVLOCK_WAITING);
	check(advlock_wait_ms(h) > 0);
	check_result(h, finish(h), ADVLOCK_OK);
	advlock_close(h);
}

static int
never_run(advlock *h, void *arg)
{
	(void) h;
	(void) arg;
	check(false);
	return 0;
}

static void
null_handles(void)
{
	const char *name = "a";

	advlock_close(NULL);
	advlock_options_init(NULL);
	advlock_open_options_init(NULL);
	check(advlock_status(NULL) == ADVLOCK_INVALID);
	check(strlen(advlock_error(NULL)) > 0);
	check_string(advlock_sqlstate(NULL), "");
	check(!advlock_has_extension(NULL));
	check(!advlock_has_registry(NULL));
	check_string(advlock_notice(NULL), "");
	check(advlock_connection(NULL) == NULL);
	check(advlock_lock(NULL, name, NULL) == ADVLOCK_INVALID);
	check(advlock_try_lock(NULL, name) == ADVLOCK_INVALID);
	check(advlock_lock_many(NULL, &name, 1, NULL) == ADVLOCK_INVALID);
	check(advlock_lock_many(NULL, NULL, 0, NULL) == ADVLOCK_INVALID);
	check(advlock_unlock(NULL, name) == ADVLOCK_INVALID);
	check(advlock_check(NULL) == ADVLOCK_INVALID);
	check(advlock_with_lock(NULL, name, NULL, never_run, NULL, NULL) == ADVLOCK_INVALID);
	check(advlock_token(NULL, name) == 0);
	check(advlock_permit(NULL, name) == 0);
	check(advlock_poll(NULL) == ADVLOCK_INVALID);
	check(advlock_socket(NULL) == -1);
	check(advlock_events(NULL) == 0);
	check(advlock_wait_ms(NULL) == -1);
}

static void
texts_of_results(void)
{
	for (int r = ADVLOCK_OK; r <= ADVLOCK_NOT_DUE; r++)
	{
		check(strlen(advlock_result_text(r)) > 0);
		check(strcmp(advlock_result_text(r), advlock_result_text(-1)) != 0);
	}
	check_string(advlock_result_text(ADVLOCK_NOT_DUE + 1), advlock_result_text(-1));
	check_string(advlock_version(), ADVLOCK_VERSION);
}

const test_case argument_tests[] = {
	{"names_of_all_kinds", "any", names_of_all_kinds},
	{"bad_names", "any", bad_names},
	{"random_names", "any", random_names},
	{"bad_options", "any", bad_options},
	{"longest_timeout", "any", longest_timeout},
	{"null_handles", "any", null_handles},
	{"texts_of_results", "any", texts_of_results},
	{NULL, NULL, NULL}
};
