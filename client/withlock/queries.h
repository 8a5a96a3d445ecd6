/*-------------------------------------------------------------------------
 *
 * queries.h
 *	  The SQL by which withlock looks at locks from outside.
 *
 * Each query is there twice: over the view advisory_lock.locks, and over what
 * pg_locks knows in a database without the extension.  All take the same
 * parameters: $1 text[], the names, or NULL for all locks; $2 and $3 int, the
 * first and the last permit of each, where 0 stands for the name itself; $4
 * bigint, $5 int, a key and its space, 1 for one bigint, 2 for two integers, 0
 * for none.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_QUERIES_H
#define WITHLOCK_QUERIES_H

#include <stdbool.h>

/* The columns of query_list() and query_holders(). */
typedef enum QueryColumn
{
	COLUMN_NAME,
	COLUMN_KEY,					/* as --key takes it, and the tool; NULL: a name's */
	COLUMN_MODE,				/* exclusive or shared */
	COLUMN_STATE,				/* held, leased, waiting, or delayed: nobody's, kept off */
	COLUMN_PID,
	COLUMN_USER,
	COLUMN_APPLICATION,			/* of a lease: what its holder is called */
	COLUMN_CLIENT,
	COLUMN_MS,					/* held, waiting or still delayed for so long */
	COLUMN_TOKEN,
	COLUMN_ASKED,				/* which of $1 it is, or NULL */
	COLUMN_PERMIT,				/* of that name; 0: the name itself; -1: its queue */
	COLUMN_DELAY_MS,			/* how long who waits is kept off, or a lease lasts, or NULL */
	COLUMN_JSON					/* the row of the view, as an object; NULL: not asked for */
} QueryColumn;

/* Ordered by name, the permits of a name by their number. */
extern const char *query_list(bool extension);
extern const char *query_list_json(bool extension);

/* Holders first, then those who wait, in the order in which they came. */
extern const char *query_holders(bool extension);
extern const char *query_holders_json(bool extension);

/* How long the server has been running; one column, in ms. */
extern const char *query_uptime(bool extension);

/* Ends the holders; one column: how many. */
extern const char *query_kill(bool extension);

/*
 * What is known of the tool called $1, in a database with the extension: a row
 * for each of its keys, with the tool, the key, and the schemas that it is of,
 * or NULL.  Where there is no such tool: a row for each other, without a key.
 */
extern const char query_tool_keys[];

/* Whose the key $1 bigint is, in the space $2 int; one column, NULL: nobody's. */
extern const char query_tool_of_key[];

/* Fails unless the extension is there. */
extern const char query_assert_extension[];

/*
 * Settings for one transaction, not for the session, which may be a pooler's.
 * $1: 'on' for a transaction that only reads, else NULL; $2: the ms that a
 * query may take.
 */
extern const char query_settings[];

#endif							/* WITHLOCK_QUERIES_H */
