/*-------------------------------------------------------------------------
 *
 * queries.h
 *	  The SQL by which withlock looks at locks from outside.
 *
 * Each query is there twice: through the view advisory_lock.locks, and for a
 * database without the extension through pg_locks, by the same keys.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_QUERIES_H
#define WITHLOCK_QUERIES_H

#include "withlock/withlock.h"

/* Names as the text of a text[], to be freed; NULL if memory ran out. */
extern char *query_name_array(const char *const *names, size_t count);

/*
 * $1 text[]: names, $2 int: permits or 0.  Columns: held, pid, user,
 * application, client, ms held (or waited) or NULL, ms that a lock-delay lasts
 * on or NULL.  Holders come first, then those who wait in the order in which
 * they came.
 */
extern const char *query_holders(bool extension);

/*
 * $1 text: a name, or NULL for all.  Columns for people to read: name, mode,
 * state, pid, user, application, client, for, token.  A lock that nobody can
 * have because of a lock-delay has the state "delayed" for so long.
 */
extern const char *query_list(bool extension);

/* The same as one JSON array of objects named as the view's columns. */
extern const char *query_list_json(bool extension);

/* $1 text: a name.  Ends its holders; one column: how many. */
extern const char *query_kill(bool extension);

#endif							/* WITHLOCK_QUERIES_H */
