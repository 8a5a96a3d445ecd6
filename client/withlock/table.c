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
#include <string.h>

#include "common/cell.h"
#include "withlock/holders.h"
#include "withlock/queries.h"
#include "withlock/stream.h"
#include "withlock/text.h"

#define COLUMNS 10

/* Those of the first columns of the query. */
static const char *const headings[COLUMNS] = {
	"NAME", "KEY", "MODE", "STATE", "PID", "USER", "APPLICATION", "CLIENT", "FOR", "TOKEN"
};

static void
put_cell(FILE *stream, const PGresult *result, int row, int column)
{
	char		duration[32];

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
}

/*
 * The visible text of all cells, row by row, each ended by a zero byte; to be
 * freed; NULL if memory ran out.
 */
static char *
cells_text(const PGresult *result)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);
	int			row;
	int			column;

	if (stream == NULL)
		return NULL;
	for (row = -1; row < PQntuples(result); row++)
	{
		for (column = 0; column < COLUMNS; column++)
		{
			put_cell(stream, result, row, column);
			fputc('\0', stream);
		}
	}
	return stream_close(stream, &text);
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

static void
measure_columns(const char *cell, int rows, int widths[COLUMNS])
{
	int			i;

	memset(widths, 0, COLUMNS * sizeof(widths[0]));
	for (i = 0; i < rows * COLUMNS; i++)
	{
		int			width = text_width(cell);

		if (width > widths[i % COLUMNS])
			widths[i % COLUMNS] = width;
		cell += strlen(cell) + 1;
	}
}

static void
print_cell(const char *cell, int column, int width)
{
	fputs(cell, stdout);
	if (column < COLUMNS - 1)
		printf("%*s", width - text_width(cell) + 2, "");
	else
		putchar('\n');
}

bool
table_print(const PGresult *result)
{
	char	   *text = cells_text(result);
	const char *cell = text;
	int			rows = PQntuples(result) + 1;
	int			widths[COLUMNS];
	bool		shown[COLUMNS];
	int			i;

	if (text == NULL)
		return false;
	measure_columns(text, rows, widths);
	for (i = 0; i < COLUMNS; i++)
		shown[i] = is_shown(result, i);
	for (i = 0; i < rows * COLUMNS; i++)
	{
		if (shown[i % COLUMNS])
			print_cell(cell, i % COLUMNS, widths[i % COLUMNS]);
		cell += strlen(cell) + 1;
	}
	free(text);
	return true;
}
