/*-------------------------------------------------------------------------
 *
 * failing_malloc.c
 *	  Preloaded into a server, makes one allocation of one process fail.
 *
 * Which one stands in the file $FAILING_MALLOC: the process, and how many
 * allocations it has left, the failing one included.  That is counted down,
 * also below zero; so who has armed it can tell whether it went off.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Control
{
	volatile int pid;
	volatile int left;
} Control;

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);

static Control *control;

static void __attribute__((constructor))
map_control(void)
{
	int			file = getenv("FAILING_MALLOC") ? open(getenv("FAILING_MALLOC"), O_RDWR) : -1;
	void	   *memory = MAP_FAILED;

	if (file >= 0)
	{
		memory = mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		close(file);
	}
	if (memory != MAP_FAILED)
		control = memory;
}

static int
fails(void)
{
	if (!control || control->pid == 0 || control->pid != getpid() || --control->left != 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
