/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  Read answers of the server, whatever they are.
 *
 * A server that is none, or a pooler that mixes answers up, must not make us
 * read what is not there: what is missing or malformed reads as empty, NULL
 * or false.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cell.h"
#include "libadvlock/internal.h"

/* Did it succeed and bring a row? */
bool
advl_rows(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) > 0 &&
		PQnfields(res) > 0;
}

/* Did it succeed? */
bool
advl_done(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* A column of the first row; "" if there is none. */
const char *
advl_value(const PGresult *res, int column)
{
	return advl_cell(res, 0, column);
}

/* Is it NULL, or not there? */
bool
advl_is_null(const PGresult *res, int column)
{
	return advl_cell_is_null(res, 0, column);
}

/* Is the column of the first row the boolean true? */
bool
advl_is_true(const PGresult *res, int column)
{
	return strcmp(advl_value(res, column), "t") == 0;
}

/*
 * Did a function that takes a lock say no?  Those that wait cannot: they give
 * a token, or nothing.
 */
bool
advl_refused(const PGresult *res)
{
	return strcmp(advl_value(res, 0), "f") == 0;
}

/* Read a number and step behind it; false, without a step, if there is none. */
bool
advl_number_in(const char **text, int64_t *number)
{
	char	   *end;

	errno = 0;
	*number = strtoll(*text, &end, 10);
	if (end == *text || errno != 0)
		return false;
	*text = end;
	return true;
}

/* The number in a column. */
bool
advl_number_at(const PGresult *res, int row, int column, int64_t *number)
{
	const char *text = advl_cell(res, row, column);

	return advl_number_in(&text, number) && *text == '\0';
}
