/*-------------------------------------------------------------------------
 *
 * params.c
 *	  What libpq would connect with, as libpq itself expands it.
 *
 * libpq does not expand options without connecting, and PQconndefaults()
 * knows nothing of a service named in a connection string.  But a connection
 * with a parameter that is wrong is given up before the first host is looked
 * at, and PQconninfo() tells what it would have used.  So two are made whose
 * parameters are wrong on purpose, each in what the other one tells.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdlib.h>

#include "libadvlock/params.h"

#define MAX_KEYWORDS 16

/* No numbers of these match; libpq looks at nothing before. */
static const char no_hosts[] = ",";
static const char no_ports[] = ",,";

/* No value of target_session_attrs. */
static const char no_target[] = "(none)";

/* A file that is not there: libpq must not warn of the real one twice. */
static const char no_file[] = "/dev/null/none";

typedef struct keywords
{
	const char *names[MAX_KEYWORDS];
	const char *values[MAX_KEYWORDS];
	int			count;
} keywords;

static void
add(keywords *k, const char *name, const char *value)
{
	if (value == NULL)
		return;
	k->names[k->count] = name;
	k->values[k->count++] = value;
}

/*
 * What comes before dbname gives way to the caller's connection string, what
 * comes after does not.
 *
 * A statement sent while keepalive probes are unanswered makes the kernel
 * count anew, by tcp_user_timeout.  So the sum of all is the time a cut
 * network can stay unnoticed: below 10 s.
 */
static void
add_ours(keywords *k, const advlock_open_options *o)
{
	memset(k, 0, sizeof(*k));
	add(k, "application_name", o->application_name);
	add(k, "keepalives", "1");
	add(k, "keepalives_idle", "3");
	add(k, "keepalives_interval", "1");
	add(k, "keepalives_count", "2");
	add(k, "tcp_user_timeout", "4500");
	add(k, "dbname", o->conninfo);
	add(k, "client_encoding", "UTF8");
	add(k, "fallback_application_name", "advlock");
}

/* The value of an option; "" if it has none. */
static const char *
value_of(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
	{
		if (strcmp(o->keyword, keyword) == 0)
			return o->val == NULL ? "" : o->val;
	}
	return "";
}

void
advl_params_append(advl_text *conninfo, const char *keyword, const char *value)
{
	advl_text_appendf(conninfo, " %s='", keyword);
	for (; *value != '\0'; value++)
		advl_text_appendf(conninfo, *value == '\'' || *value == '\\' ? "\\%c" : "%c", *value);
	advl_text_append(conninfo, "'");
}

/* Options that are not the same for every attempt. */
static bool
is_apart(const char *keyword)
{
	static const char *const apart[] = {
		"host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts"
	};

	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
	{
		if (strcmp(keyword, apart[i]) == 0)
			return true;
	}
	return false;
}

static int
timeout_of(const char *seconds)
{
	long		n = strtol(seconds, NULL, 10);

	if (*seconds == '\0')
		return -1;				/* not given */
	if (n <= 0)
		return 0;
	return n > INT_MAX / 1000 ? INT_MAX : (int) n * 1000;
}

static void
take_common(advl_params *p, const PQconninfoOption *options)
{
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
	{
		if (o->val != NULL && o->val[0] != '\0' && !is_apart(o->keyword))
			advl_params_append(&p->common, o->keyword, o->val);
	}
	advl_text_append(&p->target, value_of(options, "target_session_attrs"));
	p->shuffle = strcmp(value_of(options, "load_balance_hosts"), "random") == 0;
	p->timeout_ms = timeout_of(value_of(options, "connect_timeout"));
}

static void
take_hosts(advl_params *p, const PQconninfoOption *options)
{
	advl_text_append(&p->hosts, value_of(options, "host"));
	advl_text_append(&p->hostaddrs, value_of(options, "hostaddr"));
	advl_text_append(&p->ports, value_of(options, "port"));
}

/* Is each element of the list, up to its comma, a number, or empty? */
static bool
are_numbers(const char *list)
{
	while (*list != '\0')
	{
		char	   *end;

		(void) strtol(list, &end, 10);
		end += strspn(end, " \t\n\r\f\v");
		if (*end != ',' && *end != '\0')
			return false;
		list = *end == ',' ? end + 1 : end;
	}
	return true;
}

/*
 * libpq looks at some values only when it connects, where they would seem to
 * be trouble of the connection's, or never when it does not block.
 */
static bool
check_values(advlock *h, const PQconninfoOption *options)
{
	static const char *const numbers[] = {
		"port", "connect_timeout", "keepalives", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout"
	};
	const char *balance = value_of(options, "load_balance_hosts");

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		const char *value = value_of(options, numbers[i]);

		if (are_numbers(value))
			continue;
		(void) advl_fail(h, ADVLOCK_CONNECTION,
						 "invalid integer value \"%s\" for connection option \"%s\"",
						 value, numbers[i]);
		return false;
	}
	if (*balance == '\0' || strcmp(balance, "disable") == 0 || strcmp(balance, "random") == 0)
		return true;
	(void) advl_fail(h, ADVLOCK_CONNECTION, "invalid load_balance_hosts value: \"%s\"", balance);
	return false;
}

/* libpq's reason, unless it refuses what we have made wrong ourselves. */
static bool
refuse(advlock *h, const PGconn *conn)
{
	(void) advl_fail(h, ADVLOCK_CONNECTION, "%s", PQerrorMessage(conn));
	return false;
}

static bool
expand_common(advlock *h, keywords k, advl_params *p)
{
	PGconn	   *conn;
	PQconninfoOption *options;
	bool		ok = true;

	add(&k, "host", no_hosts);
	add(&k, "hostaddr", no_hosts);
	add(&k, "port", no_ports);
	conn = PQconnectStartParams(k.names, k.values, 1);
	options = conn == NULL ? NULL : PQconninfo(conn);
	if (options == NULL)
	{
		h->status = advl_no_memory(h);
		ok = false;
	}
	else if (strcmp(value_of(options, "port"), no_ports) != 0)
		ok = refuse(h, conn);
	else
		take_common(p, options);
	PQconninfoFree(options);
	PQfinish(conn);
	return ok;
}

static bool
expand_hosts(advlock *h, keywords k, advl_params *p)
{
	PGconn	   *conn;
	PQconninfoOption *options;
	bool		ok = true;

	add(&k, "passfile", no_file);
	add(&k, "target_session_attrs", no_target);
	conn = PQconnectStartParams(k.names, k.values, 1);
	options = conn == NULL ? NULL : PQconninfo(conn);
	if (options == NULL)
	{
		h->status = advl_no_memory(h);
		ok = false;
	}
	else if (strstr(PQerrorMessage(conn), no_target) == NULL)
		ok = refuse(h, conn);
	else if ((ok = check_values(h, options)))
		take_hosts(p, options);
	PQconninfoFree(options);
	PQfinish(conn);
	return ok;
}

bool
advl_params_expand(advlock *h, const advlock_open_options *o, advl_params *p)
{
	keywords	k;

	memset(p, 0, sizeof(*p));
	add_ours(&k, o);
	if (!expand_common(h, k, p) || !expand_hosts(h, k, p))
		return false;
	if (!p->common.broken && !p->hosts.broken && !p->hostaddrs.broken &&
		!p->ports.broken && !p->target.broken)
		return true;
	h->status = advl_no_memory(h);
	return false;
}

void
advl_params_free(advl_params *p)
{
	advl_text_free(&p->common);
	advl_text_free(&p->hosts);
	advl_text_free(&p->hostaddrs);
	advl_text_free(&p->ports);
	advl_text_free(&p->target);
}
