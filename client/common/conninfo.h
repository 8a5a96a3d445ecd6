/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Telling a connection string from the name of a database.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_CONNINFO_H
#define ADVLOCK_CONNINFO_H

#include <stdbool.h>

/* Does libpq take it for a URI? */
extern bool advl_is_uri(const char *text);

/* libpq's rule: anything else is the name of a database. */
extern bool advl_is_conninfo(const char *text);

#endif							/* ADVLOCK_CONNINFO_H */
