/*-------------------------------------------------------------------------
 *
 * uri.h
 *	  Connection URIs as managed services hand them out.
 *
 * They are written for other drivers than libpq, and have parameters that it
 * refuses without a word about which.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_URI_H
#define WITHLOCK_URI_H

#include <stdbool.h>

/*
 * Could it be the URI of something else, "user:password@host" or the like?
 * Then it must not be repeated: libpq would take it for a name, and show it
 * to the server and in its messages.
 */
extern bool uri_is_suspect(const char *text);

/*
 * A URI without what is known to be for other drivers and does not matter for
 * a lock, to be freed; what was changed is said with --verbose.  NULL, after
 * saying what is wrong without any of its values, if it cannot be used.
 */
extern char *uri_adapt(const char *uri);

#endif							/* WITHLOCK_URI_H */
