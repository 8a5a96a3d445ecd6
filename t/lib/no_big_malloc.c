/*-------------------------------------------------------------------------
 *
 * no_big_malloc.c
 *	  Preloaded into a program, has no memory of 40,000 bytes or more for it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stddef.h>

#define TOO_BIG 40000

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	if (size < TOO_BIG)
		return __libc_malloc(size);
	errno = ENOMEM;
	return NULL;
}

void *
realloc(void *old, size_t size)
{
	if (size < TOO_BIG)
		return __libc_realloc(old, size);
	errno = ENOMEM;
	return NULL;
}
