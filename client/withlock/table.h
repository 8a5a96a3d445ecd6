/*-------------------------------------------------------------------------
 *
 * table.h
 *	  The answer of --list as aligned columns.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_TABLE_H
#define WITHLOCK_TABLE_H

#include <stdbool.h>

#include <libpq-fe.h>

/*
 * Print the result of query_list() to stdout, under a line of headings; false,
 * and nothing printed, if memory ran out.
 */
extern bool table_print(const PGresult *result);

#endif							/* WITHLOCK_TABLE_H */
