/*
 * stamp FILE WORD: appends the time of now, in nanoseconds, and a word to a file.
 *
 * Copyright (c) 2026 the advisory_lock authors
 */
#include <stdio.h>
#include <time.h>

int
main(int argc, char **argv)
{
	struct timespec now;
	FILE	   *file;

	clock_gettime(CLOCK_MONOTONIC, &now);
	file = argc == 3 ? fopen(argv[1], "a") : NULL;
	if (!file)
		return 1;
	fprintf(file, "%lld%09ld %s\n", (long long) now.tv_sec, now.tv_nsec, argv[2]);
	return fclose(file) != 0;
}
