/*-------------------------------------------------------------------------
 *
 * advlock_test.c
 *	  Tests of libadvlock against a real server.
 *
 *	advlock_test list				names of the tests, and where they make sense
 *	advlock_test CONNINFO NAME...	runs them; status 0 if all pass
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const test_case *const groups[] = {
	argument_tests, locking_tests, key_tests, nonblocking_tests, failure_tests,
	session_tests, transaction_tests, server_tests, patience_tests, close_tests,
	trap_tests, interrupt_tests, canceled_tests, lease_tests,
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static int
list_tests(void)
{
	for (size_t i = 0; i < GROUPS; i++)
	{
		for (const test_case *t = groups[i]; t->name != NULL; t++)
			printf("%s %s\n", t->name, t->where);
	}
	return 0;
}

static int
run_test(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++)
	{
		for (const test_case *t = groups[i]; t->name != NULL; t++)
		{
			if (strcmp(t->name, name) != 0)
				continue;
			test_name = name;
			t->run();
			return 0;
		}
	}
	fprintf(stderr, "there is no test \"%s\"\n", name);
	return 2;
}

/*
 * What the library calls aside it does not wait for, but that has an end.  To
 * valgrind, what belongs to a thread that is still there is lost.
 */
static int
threads_end(void)
{
	struct stat tasks;			/* a directory: two links more than threads */
	int			tries = 0;

	while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
	{
		if (tries++ == 3000)
		{
			fprintf(stderr, "a thread of the library's is still there\n");
			return 1;
		}
		usleep(10000);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list_tests();
	if (argc < 3)
	{
		fprintf(stderr, "usage: advlock_test list | CONNINFO NAME...\n");
		return 2;
	}
	test_conninfo = argv[1];
	for (int i = 2; i < argc; i++)
	{
		int			status = run_test(argv[i]);

		if (status != 0)
			return status;
	}
	return threads_end();
}
