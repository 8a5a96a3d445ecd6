/*-------------------------------------------------------------------------
 *
 * lookup.h
 *	  All addresses of a host name, without blocking.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_LOOKUP_H
#define ADVLOCK_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct advl_lookup advl_lookup;

/* Must the name be looked up, or is it an address or a socket's directory? */
extern bool advl_is_name(const char *host);

/*
 * Begin; NULL, with errno set, if that cannot be had.  When the descriptor is
 * readable the lookup is over.  advl_lookup_end() may come at any time.
 */
extern advl_lookup *advl_lookup_start(const char *name);
extern int	advl_lookup_fd(const advl_lookup *lookup);
extern bool advl_lookup_is_over(const advl_lookup *lookup);

/* When it is over: how many addresses there are; 0 if it failed. */
extern int	advl_lookup_count(const advl_lookup *lookup);

/* Address i, from 0, as text, in buf; NULL if it has none. */
extern const char *advl_lookup_address(const advl_lookup *lookup, int i,
									   char *buf, size_t size);

/* Why it failed; static, or in buf. */
extern const char *advl_lookup_reason(const advl_lookup *lookup, char *buf, size_t size);

extern void advl_lookup_end(advl_lookup *lookup);

#endif							/* ADVLOCK_LOOKUP_H */
