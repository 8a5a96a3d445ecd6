/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  Text that is written as to a file.
 *
 * What open_memstream() is for; but that of glibc leaves out what memory had no
 * room for, and fclose() says nothing.  A connection string that was cut leads
 * to another server.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_STREAM_H
#define WITHLOCK_STREAM_H

#include <stdio.h>

#include "common/text.h"

/* A stream whose text stays empty until it is closed; NULL without memory. */
extern FILE *stream_open(advl_text *text);

/* Close it: its text, to be freed, or NULL if memory ran out. */
extern char *stream_close(FILE *stream, advl_text *text);

#endif							/* WITHLOCK_STREAM_H */
