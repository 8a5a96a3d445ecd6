/*-------------------------------------------------------------------------
 *
 * table.c
 *	  The answer of --list as aligned columns.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cell.h"
#include "withlock/holders.h"
#include "withlock/queries.h"
#include "withlock/text.h"

#define COLUMNS 10

/* Those of the first columns of the query. */
static const char *const headings[COLUMNS] = {
	"NAME", "KEY", "MODE", "STATE", "PID", "USER", "APPLICATION", "CLIENT", "FOR", "TOKEN"
};

/* The visible text of a cell, to be freed; NULL if memory ran out. */
static char *
cell_text(const PGresult *result, int row, int column)
{
	char	   *text = NULL;
	size_t		size;
	FILE	   *stream = open_memstream(&text, &size);
	char		duration[32];

	if (stream == NULL)
		return NULL;
	if (row < 0)
		fputs(headings[column], stream);
	else if (advl_cell_is_null(result, row, column))
		fputc('-', stream);
	else if (column == COLUMN_MS)
	{
		describe_duration(atoll(advl_cell(result, row, column)), duration,
						  sizeof(duration));
		fputs(duration, stream);
	}
	else
		put_visible(stream, advl_cell(result, row, column));
	return fclose(stream) == 0 ? text : NULL;
}

/* The key is shown where there is a lock without a name. */
static bool
is_shown(const PGresult *result, int column)
{
	int			row;

	for (row = 0; column == COLUMN_KEY && row < PQntuples(result); row++)
	{
		if (!advl_cell_is_null(result, row, column))
			return true;
	}
	return column != COLUMN_KEY;
}

static int
column_width(const PGresult *result, int column)
{
	int			width = 0;
	int			row;

	for (row = -1; row < PQntuples(result); row++)
	{
		char	   *text = cell_text(result, row, column);
		int			this_width = text_width(text ? text : "");

		if (this_width > width)
			width = this_width;
		free(text);
	}
	return width;
}

static void
print_cell(const PGresult *result, int row, int column, int width)
{
	char	   *text = cell_text(result, row, column);
	int			padding = width - text_width(text ? text : "") + 2;

	fputs(text ? text : "", stdout);
	if (column < COLUMNS - 1)
		printf("%*s", padding, "");
	free(text);
}

void
table_print(const PGresult *result)
{
	int			widths[COLUMNS];
	bool		shown[COLUMNS];
	int			row;
	int			column;

	for (column = 0; column < COLUMNS; column++)
	{
		shown[column] = is_shown(result, column);
		widths[column] = column_width(result, column);
	}
	for (row = -1; row < PQntuples(result); row++)
	{
		for (column = 0; column < COLUMNS; column++)
		{
			if (shown[column])
				print_cell(result, row, column, widths[column]);
		}
		putchar('\n');
	}
}
