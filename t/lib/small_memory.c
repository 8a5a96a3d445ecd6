/*-------------------------------------------------------------------------
 *
 * small_memory.c
 *	  Preloaded into a server, makes shared memory run out.
 *
 * The server reserves a segment by posix_fallocate().  Here that answers as it
 * does on a file system without space, once all processes together have been
 * given as many bytes as stand in the file $SMALL_MEMORY.  What is freed is not
 * given again.  Without that file, sessions are given nothing, and all else that
 * a server consists of what it wants.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef _Atomic long long Bytes;

static Bytes *
bytes_left(void)
{
	static Bytes *left;
	int			file;

	if (left)
		return left;
	file = open(getenv("SMALL_MEMORY"), O_RDWR);
	left = mmap(NULL, sizeof(Bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	return left;
}

static int
is_in_memory(int fd)
{
	char		link[64];
	char		target[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, target, sizeof(target) - 1) > 0 &&
		strncmp(target, "/dev/shm/", strlen("/dev/shm/")) == 0;
}

/* Is this a session of a server that has started?  By its own variables. */
static int
in_session(void)
{
	unsigned int *database = dlsym(RTLD_DEFAULT, "MyDatabaseId");
	_Bool	   *started = dlsym(RTLD_DEFAULT, "IsUnderPostmaster");

	return database && *database != 0 && started && *started;
}

/* Take so many bytes; false if there are not as many left. */
static int
take(long long bytes)
{
	if (!getenv("SMALL_MEMORY"))
		return !in_session();
	if (atomic_fetch_sub(bytes_left(), bytes) >= bytes)
		return 1;
	atomic_fetch_add(bytes_left(), bytes);
	return 0;
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	int			(*real) (int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");

	if (is_in_memory(fd) && !take(length))
		return ENOSPC;
	return real(fd, offset, length);
}
