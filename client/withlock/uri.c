/*-------------------------------------------------------------------------
 *
 * uri.c
 *	  Connection URIs as managed services hand them out.
 *
 * Names of parameters are repeated only where they are in the list below:
 * what looks like one may be the end of a password with a "?" in it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conninfo.h"
#include "withlock/message.h"
#include "withlock/stream.h"

typedef struct ForeignParameter
{
	const char *name;
	const char *in_place;		/* of it; NULL: it does not matter here */
} ForeignParameter;

/*
 * What sizes a pool, a cache or the client's patience, or chooses a schema,
 * does not change which lock is taken.  What changes whom we trust does.
 */
static const ForeignParameter foreign[] = {
	/* Prisma */
	{"pgbouncer", NULL}, {"schema", NULL}, {"connection_limit", NULL},
	{"pool_timeout", NULL}, {"socket_timeout", NULL}, {"statement_cache_size", NULL},
	{"max_connection_lifetime", NULL}, {"max_idle_connection_lifetime", NULL},
	{"sslaccept", "sslmode"}, {"sslidentity", "sslcert and sslkey"},
	/* node-postgres, Supabase, Vercel */
	{"uselibpqcompat", NULL}, {"supa", NULL}, {"workaround", NULL},
	{"ssl", "sslmode"},
	/* Rails */
	{"pool", NULL}, {"prepared_statements", NULL}, {"checkout_timeout", NULL},
	{"reaping_frequency", NULL}, {"statement_limit", NULL}, {"encoding", NULL},
	/* Go, Python, Rust */
	{"search_path", NULL}, {"statement_timeout", NULL}, {"lock_timeout", NULL},
	{"pool_max_conns", NULL}, {"pool_min_conns", NULL}, {"pool_size", NULL},
	{"pool_max_conn_lifetime", NULL}, {"pool_max_conn_idle_time", NULL},
	{"default_query_exec_mode", NULL}, {"prepared_statement_cache_size", NULL},
	{"statement_cache_capacity", NULL}, {"binary_parameters", NULL},
	/* JDBC */
	{"currentSchema", NULL}, {"prepareThreshold", NULL}, {"reWriteBatchedInserts", NULL},
	{"ApplicationName", NULL}, {"targetServerType", "target_session_attrs"},
	{"sslfactory", "sslmode"}
};

/* "scheme://", "jdbc:scheme://" or, without one, "//". */
static bool
begins_with_scheme(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:";
	size_t		length = strspn(text, letters);

	return strncmp(text + length, "//", 2) == 0 && (length == 0 || text[length - 1] == ':');
}

bool
uri_is_suspect(const char *text)
{
	const char *colon = strchr(text, ':');
	bool		userinfo = colon && strchr(colon, '@');

	return begins_with_scheme(text) ||
		((userinfo || strstr(text, "://")) &&
		 memchr(text, '=', (size_t) (colon - text)) == NULL);
}

/*
 * libpq looks for the first "@", and gives up at a "/".  With another one
 * after that, a part of the password would be taken for the host.
 */
static bool
has_one_userinfo(const char *uri)
{
	const char *authority = strstr(uri, "://") + 3;
	const char *at = authority + strcspn(authority, "@/");
	size_t		rest = strcspn(at + (*at == '@'), "@?");

	return at[(*at == '@') + rest] != '@';
}

/* Where the parameters begin, behind the "?"; NULL if there are none. */
static const char *
find_parameters(const char *uri)
{
	const char *authority = strstr(uri, "://") + 3;
	const char *at = authority + strcspn(authority, "@/");
	const char *question = strchr(*at == '@' ? at : authority, '?');

	return question ? question + 1 : NULL;
}

static bool
is_text(const char *start, size_t length, const char *text)
{
	return strlen(text) == length && strncmp(start, text, length) == 0;
}

/* The row of the list for a parameter "name=value", or NULL. */
static const ForeignParameter *
find_foreign(const char *parameter)
{
	size_t		i;

	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
	{
		if (is_text(parameter, strcspn(parameter, "=&"), foreign[i].name))
			return &foreign[i];
	}
	return NULL;
}

/* What node-postgres calls no-verify is what libpq does by require. */
static bool
is_no_verify(const char *parameter, size_t length)
{
	return is_text(parameter, length, "sslmode=no-verify") ||
		is_text(parameter, length, "ssl=no-verify");
}

/*
 * Write one parameter, or what takes its place, behind a separator, which is
 * another one from then on.  False after saying why there can be none.
 */
static bool
put_parameter(FILE *stream, const char *parameter, size_t length, char *separator)
{
	const ForeignParameter *row = find_foreign(parameter);

	if (is_no_verify(parameter, length))
	{
		say_verbose("no-verify in the connection string is taken as sslmode=require");
		fprintf(stream, "%csslmode=require", *separator);
		*separator = '&';
	}
	else if (row == NULL || is_text(parameter, length, "ssl=true"))
	{
		fprintf(stream, "%c%.*s", *separator, (int) length, parameter);
		*separator = '&';
	}
	else if (row->in_place == NULL)
		say_verbose("the parameter \"%s\" of the connection string is not for libpq: "
					"left out", row->name);
	else
	{
		say_error("the connection string has the parameter \"%s\", which libpq does not "
				  "know: say what it is for by %s", row->name, row->in_place);
		return false;
	}
	return true;
}

static bool
put_parameters(FILE *stream, const char *parameters)
{
	char		separator = '?';

	while (*parameters)
	{
		size_t		length = strcspn(parameters, "&");

		if (!put_parameter(stream, parameters, length, &separator))
			return false;
		parameters += length + (parameters[length] == '&');
	}
	return true;
}

char *
uri_adapt(const char *uri)
{
	const char *parameters = find_parameters(uri);
	advl_text	text;
	FILE	   *stream;
	char	   *adapted;
	bool		good = true;

	if (!has_one_userinfo(uri))
	{
		say_error("the connection string is malformed: in a user name or a password, write "
				  "\"@\" as %%40, \"/\" as %%2F, \":\" as %%3A, \"?\" as %%3F and \"%%\" as %%25");
		return NULL;
	}
	stream = stream_open(&text);
	if (stream == NULL)
		return NULL;
	fprintf(stream, "%.*s", parameters ? (int) (parameters - 1 - uri) : (int) strlen(uri), uri);
	if (parameters)
		good = put_parameters(stream, parameters);
	adapted = stream_close(stream, &text);
	if (good)
		return adapted;
	free(adapted);
	return NULL;
}
