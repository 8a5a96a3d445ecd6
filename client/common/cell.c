/*-------------------------------------------------------------------------
 *
 * cell.c
 *	  What stands in a row of an answer.
 *
 * A server that is none, or a pooler that mixes answers up, must not make us
 * read what is not there; so nobody else asks libpq.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/cell.h"

bool
advl_cell_is_null(const PGresult *res, int row, int column)
{
	return PQresultStatus(res) != PGRES_TUPLES_OK || row >= PQntuples(res) ||
		column >= PQnfields(res) || PQfformat(res, column) != 0 ||
		PQgetisnull(res, row, column);
}

const char *
advl_cell(const PGresult *res, int row, int column)
{
	return advl_cell_is_null(res, row, column) ? "" : PQgetvalue(res, row, column);
}
