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

#include <stdlib.h>
#include <string.h>

#include "common/conninfo.h"
#include "withlock/message.h"
#include "withlock/stream.h"
#include "withlock/text.h"
#include "withlock/uri.h"

bool
conninfo_is_name(const char *text)
{
	return strpbrk(text, "=:/@ \t\r\n\f\v") == NULL;
}

/* The option of a keyword; NULL if libpq does not know it. */
static PQconninfoOption *
find_option(PQconninfoOption *list, const char *keyword)
{
	for (; list && list->keyword; list++)
	{
		if (strcmp(list->keyword, keyword) == 0)
			return list;
	}
	return NULL;
}

/* Set what is not set yet.  False after saying that memory ran out. */
static bool
set_value(PQconninfoOption *list, const char *keyword, const char *value)
{
	PQconninfoOption *option = find_option(list, keyword);

	if (option && option->val == NULL && value)
		option->val = strdup(value);
	if (value && (option == NULL || option->val == NULL))
	{
		say_error("out of memory");
		return false;
	}
	return true;
}

/* The first that is there and, for the environment, not empty; else "". */
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
	return "";
}

/*
 * The source without white space around it, which files with secrets have,
 * and without what other drivers add.  To be freed; NULL after saying why.
 */
static char *
clean_source(const char *source)
{
	static const char blank[] = " \t\r\n\f\v";
	size_t		length;
	char	   *text;
	char	   *adapted;

	source += strspn(source, blank);
	length = strlen(source);
	while (length > 0 && strchr(blank, source[length - 1]))
		length--;
	text = strndup(source, length);
	if (text == NULL || !advl_is_uri(text))
		return text;
	adapted = uri_adapt(text);
	free(text);
	return adapted;
}

/*
 * Take a connection string apart.  By libpq's rule what is neither a URI nor
 * has a "=" is the name of a database; but only a plain one, as the server
 * repeats it.  NULL after saying what is wrong.
 */
static PQconninfoOption *
parse_source(const char *source)
{
	bool		is_string = advl_is_conninfo(source);
	PQconninfoOption *parsed = NULL;
	char	   *error = NULL;

	if (advl_is_uri(source) || (!uri_is_suspect(source) && (is_string || conninfo_is_name(source))))
		parsed = PQconninfoParse(is_string ? source : "", &error);
	PQfreemem(error);			/* it quotes the string, password and all */
	if (parsed == NULL)
		say_error("the connection string is malformed; expected the name of a database, "
				  "\"key=value ...\" or \"postgresql://...\", with parameters of libpq's");
	else if (!is_string && *source && !set_value(parsed, "dbname", source))
	{
		PQconninfoFree(parsed);
		parsed = NULL;
	}
	return parsed;
}

static bool
is_name(const char *value)
{
	return !uri_is_suspect(value) && strstr(value, "password=") == NULL;
}

static bool
is_host_list(const char *value)
{
	const char *at = strchr(value, '@');

	/* "@name" is a socket without a file */
	return is_name(value) && (at == NULL || at == value || at[-1] == ',');
}

static bool
is_port_list(const char *value)
{
	return value[strspn(value, "0123456789,")] == '\0';
}

/*
 * Refuse what libpq or the server would repeat in a message, and is not what
 * it should be: the rest of a password, or a connection string in the wrong
 * place.  That can come by the environment, too.
 */
static bool
check_values(PQconninfoOption *list)
{
	static const struct
	{
		const char *keyword;
		bool		(*is_good) (const char *value);
	}			checks[] = {
		{"host", is_host_list}, {"hostaddr", is_host_list}, {"port", is_port_list},
		{"dbname", is_name}, {"user", is_name}
	};
	PQconninfoOption *defaults = PQconndefaults();
	const char *bad = NULL;
	size_t		i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && bad == NULL; i++)
	{
		PQconninfoOption *option = find_option(list, checks[i].keyword);

		if (option->val == NULL && defaults)
			option = find_option(defaults, checks[i].keyword);
		if (option->val && !checks[i].is_good(option->val))
			bad = checks[i].keyword;
	}
	PQconninfoFree(defaults);
	if (bad)
		say_error("the connection's %s is malformed; a connection string goes with --db", bad);
	return bad == NULL;
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

/* To be freed; NULL if memory ran out. */
static char *
compose(const PQconninfoOption *list)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);

	if (stream == NULL)
		return NULL;
	for (; list->keyword; list++)
	{
		if (list->val)
			put_setting(stream, list->keyword, list->val);
	}
	return stream_close(stream, &text);
}

/* All that was given; NULL after saying what is wrong. */
static PQconninfoOption *
parse_options(const Options *options)
{
	char	   *source = clean_source(choose_source(options));
	PQconninfoOption *list = source ? parse_source(source) : NULL;

	free(source);
	if (list && set_value(list, "host", options->host) &&
		set_value(list, "port", options->port) &&
		set_value(list, "user", options->user) && check_values(list))
		return list;
	PQconninfoFree(list);
	return NULL;
}

char *
conninfo_build(const Options *options)
{
	PQconninfoOption *list = parse_options(options);
	char	   *conninfo = list ? compose(list) : NULL;

	PQconninfoFree(list);
	return conninfo;
}

/* === Showing it again === */

/*
 * Parts that are secret, by libpq's own mark, and what may hold anything: the
 * settings in "options" can be the password of something else.
 */
static bool
holds_secret(PQconninfoOption *list)
{
	for (; list && list->keyword; list++)
	{
		if (list->val && (*list->dispchar || strcmp(list->keyword, "options") == 0))
			return true;
	}
	return false;
}

/* Can --db be shown as it was given? */
static bool
can_show_db(const char *db)
{
	PQconninfoOption *list;
	bool		can;

	if (db == NULL || conninfo_is_name(db))
		return db == NULL || text_is_plain(db);
	list = PQconninfoParse(db, NULL);
	can = list && !holds_secret(list) && text_is_plain(db);
	PQconninfoFree(list);
	return can;
}

bool
conninfo_put_options(FILE *stream, const Options *options)
{
	const char *const values[] = {options->db, options->host, options->port, options->user};
	static const char *const letters[] = {"-d", "-h", "-p", "-U"};
	int			i;

	for (i = 0; i < 4; i++)
	{
		if (values[i] && (!text_is_plain(values[i]) || *values[i] == '-'))
			return false;
	}
	if (!can_show_db(options->db))
		return false;
	for (i = 0; i < 4; i++)
	{
		if (values[i] == NULL)
			continue;
		fprintf(stream, " %s ", letters[i]);
		put_shell_word(stream, values[i]);
	}
	return true;
}
