/*-------------------------------------------------------------------------
 *
 * test_memory.c
 *	  Let the n-th allocation of libadvlock fail, for every n.
 *
 * Linked with the static library and --wrap=calloc,--wrap=realloc, so that
 * only the library's own allocations fail, not libpq's.
 *
 *	test_memory CONNINFO
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *old, size_t size);
extern void *__wrap_calloc(size_t count, size_t size);
extern void *__wrap_realloc(void *old, size_t size);

/* How many more allocations succeed; negative: all. */
static int	allocations_left = -1;
static bool failure_happened;

static bool
must_fail(void)
{
	if (allocations_left < 0)
		return false;
	if (allocations_left-- > 0)
		return false;
	failure_happened = true;
	return true;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : __real_realloc(old, size);
}

/* A result without memory, or as if nothing had happened. */
static bool
ok_or_memory(const advlock *h, advlock_result r)
{
	if (r == ADVLOCK_NOMEM)
		check(strlen(advlock_error(h)) > 0);
	else if (advlock_status(h) != ADVLOCK_LOST)
		check_result(h, r, ADVLOCK_OK);
	return r == ADVLOCK_OK;
}

/* Everything that allocates; what was granted is held, what failed is not. */
static void
scenario(PGconn *observer)
{
	const char *const names[] = {"b", "a \"quoted\" name that is not short"};
	advlock    *h = advlock_open(test_conninfo);
	advlock_options o = with_timeout(0);
	bool		held;

	o.permits = 2;
	if (h == NULL)
		return;
	if (!ok_or_memory(h, advlock_status(h)))
	{
		advlock_close(h);
		return;
	}
	held = ok_or_memory(h, advlock_lock(h, "x", NULL));
	(void) ok_or_memory(h, advlock_lock(h, "p", &o));
	(void) ok_or_memory(h, advlock_lock_many(h, names, 2, NULL));
	(void) ok_or_memory(h, advlock_check(h));
	if (advlock_status(h) == ADVLOCK_OK)
		check_string(query_on(observer, "SELECT pg_try_advisory_lock_shared(k1, k2)"
							  " AND pg_advisory_unlock_shared(k1, k2)"
							  " FROM (VALUES (1108767021, 1152394935)) AS v(k1, k2)", NULL),
					 held ? "f" : "t");
	if (held)
		(void) ok_or_memory(h, advlock_unlock(h, "x"));
	advlock_close(h);
}

int
main(int argc, char **argv)
{
	PGconn	   *observer;
	int			n = 0;

	if (argc != 2)
		return 2;
	test_conninfo = argv[1];
	observer = connect_plain("");
	do
	{
		failure_happened = false;
		allocations_left = n++;
		scenario(observer);
	} while (failure_happened);
	PQfinish(observer);

	/* Fewer would mean that the library's allocations were not caught. */
	check(n > 10);
	return 0;
}
