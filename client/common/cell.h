/*-------------------------------------------------------------------------
 *
 * cell.h
 *	  What stands in a row of an answer.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_CELL_H
#define ADVLOCK_CELL_H

#include <stdbool.h>

#include <libpq-fe.h>

/* Is it NULL, or not there? */
extern bool advl_cell_is_null(const PGresult *res, int row, int column);

/* Its text; "" if it is NULL or not there. */
extern const char *advl_cell(const PGresult *res, int row, int column);

#endif							/* ADVLOCK_CELL_H */
