/*-------------------------------------------------------------------------
 *
 * conninfo.c
 *	  Where to connect, from options and environment.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "withlock/message.h"

/* libpq's rule: anything else is the name of a database. */
static bool
is_connection_string(const char *text)
{
	return strncmp(text, "postgresql://", 13) == 0 ||
		strncmp(text, "postgres://", 11) == 0 ||
		strchr(text, '=') != NULL;
}

/* The value of a keyword, or NULL. */
static const char *
get_value(const PQconninfoOption *list, const char *keyword)
{
	for (; list && list->keyword; list++)
	{
		if (strcmp(list->keyword, keyword) == 0)
			return list->val;
	}
	return NULL;
}

/* Write " keyword='value'" with quotes and backslashes escaped. */
static void
put_setting(FILE *stream, const char *keyword, const char *value)
{
	fprintf(stream, " %s='", keyword);
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			fputc('\\', stream);
		fputc(*value, stream);
	}
	fputc('\'', stream);
}

/* The first that is there and, for the environment, not empty. */
static const char *
choose_source(const Options *options)
{
	static const char *const variables[] = {"WITHLOCK_DB", "PG_CONNECTION_STRING"};
	int			i;

	if (options->db)
		return options->db;
	for (i = 0; i < 2; i++)
	{
		const char *value = getenv(variables[i]);

		if (value && *value)
			return value;
	}
	return NULL;
}

/* Take a connection string apart; *parsed stays NULL if there is none. */
static bool
parse_source(const char *source, PQconninfoOption **parsed)
{
	char	   *error = NULL;

	*parsed = NULL;
	if (source == NULL || !is_connection_string(source))
		return true;
	*parsed = PQconninfoParse(source, &error);
	PQfreemem(error);			/* it quotes the string, password and all */
	if (*parsed == NULL)
		say_error("the connection string is malformed; expected a database name, "
				  "\"key=value ...\" or \"postgresql://...\"");
	return *parsed != NULL;
}

/* Options of the command line that the connection string does not set. */
static void
put_option(FILE *stream, const PQconninfoOption *parsed, const char *keyword,
		   const char *value)
{
	if (value && get_value(parsed, keyword) == NULL)
		put_setting(stream, keyword, value);
}

static char *
compose(const Options *options, const char *source, const PQconninfoOption *parsed)
{
	char	   *text = NULL;
	size_t		size;
	FILE	   *stream = open_memstream(&text, &size);
	const PQconninfoOption *option;

	if (stream == NULL)
		return NULL;
	for (option = parsed; option && option->keyword; option++)
	{
		if (option->val)
			put_setting(stream, option->keyword, option->val);
	}
	if (source && !parsed)
		put_setting(stream, "dbname", source);
	put_option(stream, parsed, "host", options->host);
	put_option(stream, parsed, "port", options->port);
	put_option(stream, parsed, "user", options->user);
	return fclose(stream) == 0 ? text : NULL;
}

/* What libpq will use for the keyword, "" if only it knows. */
static const char *
effective(const PQconninfoOption *ours, const PQconninfoOption *defaults,
		  const char *keyword)
{
	const char *value = get_value(ours, keyword);

	if (value == NULL)
		value = get_value(defaults, keyword);
	return value ? value : "";
}

static char *
name_target(const char *conninfo)
{
	PQconninfoOption *ours = PQconninfoParse(conninfo, NULL);
	PQconninfoOption *defaults = PQconndefaults();
	char	   *target = NULL;
	const char *dbname = effective(ours, defaults, "dbname");

	if (*dbname == '\0')
		dbname = effective(ours, defaults, "user");
	if (asprintf(&target, "%s%s:%s/%s", effective(ours, defaults, "service"),
				 effective(ours, defaults, "host"),
				 effective(ours, defaults, "port"), dbname) < 0)
		target = NULL;
	PQconninfoFree(ours);
	PQconninfoFree(defaults);
	return target;
}

static void
hide_password(Options *options, const PQconninfoOption *parsed)
{
	if (options->db && (get_value(parsed, "password") || get_value(parsed, "sslpassword")))
		memset(options->db, '*', strlen(options->db));
}

bool
conninfo_build(Options *options, char **conninfo, char **target)
{
	const char *source = choose_source(options);
	PQconninfoOption *parsed;

	*conninfo = *target = NULL;
	if (!parse_source(source, &parsed))
		return false;
	*conninfo = compose(options, source, parsed);
	hide_password(options, parsed);
	PQconninfoFree(parsed);
	if (*conninfo)
		*target = name_target(*conninfo);
	if (*target == NULL)
		say_error("out of memory");
	return *target != NULL;
}
