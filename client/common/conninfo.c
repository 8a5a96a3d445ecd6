/*-------------------------------------------------------------------------
 *
 * conninfo.c
 *	  Telling a connection string from the name of a database.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/conninfo.h"

#include <stddef.h>
#include <string.h>

bool
advl_is_uri(const char *text)
{
	return strncmp(text, "postgresql://", 13) == 0 ||
		strncmp(text, "postgres://", 11) == 0;
}

bool
advl_is_conninfo(const char *text)
{
	return advl_is_uri(text) || strchr(text, '=') != NULL;
}
