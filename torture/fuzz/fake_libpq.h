/*-------------------------------------------------------------------------
 *
 * fake_libpq.h
 *	  A libpq without a server: what it answers are the bytes of the fuzzer.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef FAKE_LIBPQ_H
#define FAKE_LIBPQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libpq-fe.h"

/* What is answered from now on; the caller's, and not copied. */
extern void fake_input(const uint8_t *data, size_t size);

/* The next byte of it; -1 at its end. */
extern int	fake_byte(void);

/* A text of it, to be freed. */
extern char *fake_text(void);

/* A connection that is open, until the input ends; fd is always ready. */
extern PGconn *fake_connection(int fd);

#endif							/* FAKE_LIBPQ_H */
