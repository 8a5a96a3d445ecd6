/*-------------------------------------------------------------------------
 *
 * test_patience.c
 *	  Passing trouble at the server is no loss, and whatever it answers to a
 *	  check is a sign of life.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

/* A session that keeps a catalog from everybody, as VACUUM FULL does. */
static PGconn *
lock_catalog(const char *catalog)
{
	PGconn	   *conn = connect_plain("");
	char		sql[100];

	snprintf(sql, sizeof(sql), "LOCK TABLE pg_catalog.%s IN ACCESS EXCLUSIVE MODE", catalog);
	(void) query_on(conn, "SELECT 1", NULL);
	(void) query_on(conn, "BEGIN", NULL);
	(void) query_on(conn, sql, NULL);
	return conn;
}

static void
unlock_catalog(PGconn *conn)
{
	PQclear(PQexec(conn, "ROLLBACK"));
	PQfinish(conn);
}

/* What a check looks up is at hand from the first lock on. */
static void
check_needs_no_catalog(void)
{
	static const char *const catalogs[] = {"pg_proc", "pg_type", "pg_operator", "pg_cast"};

	for (size_t i = 0; i < sizeof(catalogs) / sizeof(catalogs[0]); i++)
	{
		advlock    *h = open_ready();
		PGconn	   *other;
		advlock_result r;

		check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		other = lock_catalog(catalogs[i]);
		r = advlock_check(h);
		unlock_catalog(other);
		check_result(h, r, ADVLOCK_OK);
		advlock_close(h);
	}
}

/* The same for a check of more than the first lock, and of what is left of several. */
static void
check_of_several_needs_no_catalog(void)
{
	static const char *const catalogs[] = {"pg_proc", "pg_type", "pg_operator", "pg_cast"};
	static const char *const names[] = {"x", "y"};
	advlock_options permit = with_timeout(0);

	permit.permits = 2;
	for (size_t i = 0; i < sizeof(catalogs) / sizeof(catalogs[0]) * 4; i++)
	{
		advlock    *h = open_ready();
		PGconn	   *other;
		advlock_result r;

		switch (i % 4)
		{
			case 0:
				check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
				check_result(h, advlock_lock(h, "y", NULL), ADVLOCK_OK);
				break;
			case 1:
				check_result(h, advlock_lock_many(h, names, 2, NULL), ADVLOCK_OK);
				check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
				break;
			case 2:
				check_result(h, advlock_lock(h, "x", &permit), ADVLOCK_OK);
				break;
			default:
				check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
				check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
		}
		other = lock_catalog(catalogs[i / 4]);
		r = advlock_check(h);
		unlock_catalog(other);
		check_result(h, r, ADVLOCK_OK);
		advlock_close(h);
	}
}

/* What is not at hand any more is not awaited for long. */
static void
check_does_not_wait_for_catalogs(void)
{
	advlock    *h = open_ready();
	PGconn	   *other;
	int64_t		begin,
				took;
	advlock_result r;

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);

	/* makes every session forget which functions have which names */
	(void) query("CREATE FUNCTION something_new() RETURNS int LANGUAGE sql AS 'SELECT 1'", NULL);
	other = lock_catalog("pg_proc");
	begin = now_ms();
	r = advlock_check(h);
	took = now_ms() - begin;
	unlock_catalog(other);
	check_result(h, r, ADVLOCK_SERVER);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	check(took < 8000);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	advlock_close(h);
	(void) query("DROP FUNCTION something_new()", NULL);
}

/* The extension goes, its locks stay. */
static void
check_without_extension(void)
{
	advlock    *h = open_ready();
	advlock_options permit = with_timeout(0);
	advlock_options shared = with_timeout(0);

	permit.permits = 2;
	shared.shared = 1;
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "s", &shared), ADVLOCK_OK);
	check_result(h, advlock_lock(h, "p", &permit), ADVLOCK_OK);
	(void) query("DROP EXTENSION advisory_lock", NULL);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check_result(h, advlock_unlock(h, "p"), ADVLOCK_OK);
	check_string(query("SELECT string_agg(mode, ' ') FROM pg_locks"
					   " WHERE locktype = 'advisory'", NULL), "ShareLock");
	(void) query_on(advlock_connection(h), "SELECT pg_catalog.pg_advisory_unlock_all()", NULL);
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	advlock_close(h);
	(void) query("CREATE EXTENSION advisory_lock", NULL);
}

/* The same inside a transaction of the caller's, which goes on. */
static void
check_without_extension_in_transaction(void)
{
	advlock    *h = open_ready();
	PGconn	   *conn = advlock_connection(h);

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query("DROP EXTENSION advisory_lock", NULL);
	(void) query_on(conn, "BEGIN", NULL);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check(PQtransactionStatus(conn) == PQTRANS_INTRANS);
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check(PQtransactionStatus(conn) == PQTRANS_INTRANS);
	(void) query_on(conn, "COMMIT", NULL);
	advlock_close(h);
	(void) query("CREATE EXTENSION advisory_lock", NULL);
}

static void
check_without_privilege(void)
{
	char		conninfo[1000];
	advlock    *h;

	(void) query("CREATE ROLE ordinary LOGIN", NULL);
	snprintf(conninfo, sizeof(conninfo), "%s user=ordinary", test_conninfo);
	h = advlock_open(conninfo);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query("REVOKE USAGE ON SCHEMA advisory_lock FROM PUBLIC", NULL);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	check_result(h, advlock_try_lock(h, "y"), ADVLOCK_SERVER);
	check_sqlstate(h, "42501");
	check_result(h, advlock_unlock(h, "x"), ADVLOCK_OK);
	check_string(query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", NULL), "0");
	advlock_close(h);

	/* A session that begins like that is one with the extension, too. */
	h = advlock_open(conninfo);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	check(advlock_has_extension(h) && !advlock_has_registry(h));
	check_result(h, advlock_try_lock(h, "y"), ADVLOCK_SERVER);
	advlock_close(h);
	(void) query("GRANT USAGE ON SCHEMA advisory_lock TO PUBLIC", NULL);
	(void) query("DROP ROLE ordinary", NULL);
}

/* A failed check is not a lost lock, a failed transaction is. */
static void
check_in_failed_transaction(void)
{
	advlock_open_options o;
	advlock    *h = open_ready();

	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	(void) query_on(advlock_connection(h), "BEGIN", NULL);
	PQclear(PQexec(advlock_connection(h), "SELECT 1/0"));
	check_result(h, advlock_check(h), ADVLOCK_SERVER);
	check_result(h, advlock_status(h), ADVLOCK_OK);
	(void) query_on(advlock_connection(h), "ROLLBACK", NULL);
	check_result(h, advlock_check(h), ADVLOCK_OK);
	advlock_close(h);

	advlock_open_options_init(&o);
	o.conninfo = test_conninfo;
	o.transaction = 1;
	h = advlock_open_with(&o);
	check_result(h, advlock_lock(h, "x", NULL), ADVLOCK_OK);
	PQclear(PQexec(advlock_connection(h), "SELECT 1/0"));
	check_result(h, advlock_check(h), ADVLOCK_LOST);
	advlock_close(h);
}

/* Two names with one key: the second to come is told. */
static void
warning_is_kept(void)
{
	advlock    *a = open_ready();
	advlock    *b = open_ready();
	static const char first[] = "job-c5cd926bdf8b1673";
	static const char second[] = "job-45f2cc9a4e570bef";

	check_string(advlock_notice(a), "");
	check_result(a, advlock_lock(a, first, NULL), ADVLOCK_OK);
	check_result(a, advlock_unlock(a, first), ADVLOCK_OK);
	check_result(b, advlock_try_lock(b, second), ADVLOCK_OK);
	check(strstr(advlock_notice(b), second) != NULL);
	check_string(advlock_notice(b), "");
	advlock_close(a);
	advlock_close(b);
	check_string(advlock_notice(NULL), "");
}

/* Many warnings do not fill the memory, and reading makes room. */
static void
warnings_are_limited(void)
{
	advlock    *h = open_ready();
	PGconn	   *conn = advlock_connection(h);
	static const char warn[] = "DO $$BEGIN FOR i IN 1..1000 LOOP RAISE WARNING 'w%', i; END LOOP; END$$";

	(void) query_on(conn, warn, NULL);
	check(strncmp(advlock_notice(h), "w1\nw2\n", 6) == 0);
	(void) query_on(conn, "DO $$BEGIN RAISE NOTICE 'no'; RAISE WARNING 'yes' USING HINT = 'h'; END$$", NULL);
	check_string(advlock_notice(h), "yes\nHINT:  h");
	advlock_close(h);
}

const test_case patience_tests[] = {
	{"check_needs_no_catalog", "any", check_needs_no_catalog},
	{"check_of_several_needs_no_catalog", "any", check_of_several_needs_no_catalog},
	{"check_does_not_wait_for_catalogs", "any", check_does_not_wait_for_catalogs},
	{"check_without_extension", "extension", check_without_extension},
	{"check_without_extension_in_transaction", "extension", check_without_extension_in_transaction},
	{"check_without_privilege", "extension", check_without_privilege},
	{"check_in_failed_transaction", "any", check_in_failed_transaction},
	{"warning_is_kept", "extension", warning_is_kept},
	{"warnings_are_limited", "any", warnings_are_limited},
	{NULL, NULL, NULL}
};
