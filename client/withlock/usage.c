/*-------------------------------------------------------------------------
 *
 * usage.c
 *	  What options go together.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/usage.h"

#include <limits.h>
#include <string.h>

#include "common/conninfo.h"
#include "common/name.h"
#include "withlock/key.h"
#include "withlock/message.h"
#include "withlock/text.h"
#include "withlock/uri.h"

#define DEFAULT_GRACE_MS 5000

bool
usage_out_of_memory(void)
{
	say_error("out of memory");
	return false;
}

bool
usage_error(const char *what, const char *detail)
{
	say_error("%s%s (see \"withlock --help\")", what, detail);
	return false;
}

/* What is wrong with it as a name, which everybody can read; NULL: nothing. */
static const char *
name_defect(const char *name)
{
	if (advl_is_uri(name) || strstr(name, "password="))
		return "a connection string is in the place of NAME; it goes with --db";
	return advl_name_defect(name);
}

/* Refuse what is no name, and prepare the others for messages. */
static bool
check_names(const Options *options)
{
	size_t		i;

	for (i = 0; i < options->name_count; i++)
	{
		bool		is_key = options->key && i == 0;
		const char *defect = is_key ? NULL : name_defect(options->names[i]);

		if (defect)
			return usage_error(defect, "");
		options->shown[i] = is_key ? key_title(options, NULL) : quoted_text(options->names[i]);
		if (options->shown[i] == NULL)
			return usage_out_of_memory();
	}
	return true;
}

/* Half of a lease is for renewing it, the other for stopping in time. */
static int
longest_grace_ms(const Options *options)
{
	return options->lease_ms / 2 - LEASE_MARGIN_MS(options->lease_ms);
}

int
usage_default_grace_ms(const Options *options)
{
	return options->lease_ms > 0 && longest_grace_ms(options) < DEFAULT_GRACE_MS ?
		longest_grace_ms(options) : DEFAULT_GRACE_MS;
}

/*
 * A lease or a transaction leaves no delay.  Theirs is for who held the name
 * by a session before the server was started, and has his own grace.
 */
int
usage_default_lock_delay_ms(const Options *options)
{
	int			grace = options->grace_ms;

	if ((options->lease_ms > 0 || options->transaction) && grace < DEFAULT_GRACE_MS)
		grace = DEFAULT_GRACE_MS;
	return grace > ADVLOCK_MAX_LOCK_DELAY_MS - LOCK_DELAY_BEYOND_GRACE_MS ?
		ADVLOCK_MAX_LOCK_DELAY_MS : grace + LOCK_DELAY_BEYOND_GRACE_MS;
}

static bool
check_lease(const Options *options)
{
	if (options->lease_ms == 0)
		return options->at_least_ms == 0 || usage_error("--at-least goes with --lease", "");
	if (options->lease_ms < ADVLOCK_MIN_LEASE_MS || options->lease_ms > ADVLOCK_MAX_LEASE_MS)
		return usage_error("--lease must be one second to 24 hours", "");
	if (options->at_least_ms > ADVLOCK_MAX_LEASE_MS)
		return usage_error("--at-least must be 24 hours at most", "");
	if (options->shared || options->permits > 0 || options->name_count > 1)
		return usage_error("--lease is for one lock in exclusive mode: it goes with none of --shared, --permits and --also", "");
	if (options->transaction || options->lock_delay_ms >= 0)
		return usage_error("--lease takes the place of --transaction and --lock-delay", "");
	if (options->grace_ms > longest_grace_ms(options))
		return usage_error("--lease must be more than twice as long as --grace, which the command gets before it is over", "");
	return true;
}

static bool
check_run(const Options *options)
{
	if (options->shell_string && options->command[0])
		return usage_error("-c STRING takes the place of COMMAND", "");
	if (!options->shell_string && !options->command[0])
		return usage_error("no command is given to run while holding the lock", "");
	if (options->command[0] && uri_is_suspect(options->command[0]))
		return usage_error("a connection string is in the place of COMMAND; it goes with --db", "");
	if (options->json || options->watch)
		return usage_error("--json and --watch go with --list, --status or --kill", "");
	if (options->shared && options->permits > 0)
		return usage_error("--shared and --permits exclude each other", "");
	if (options->name_count > 1 && (options->shared || options->permits > 0))
		return usage_error("--also goes with neither --shared nor --permits", "");
	if (options->key && options->permits > 0)
		return usage_error("--permits is for names: it does not go with --key", "");
	if (options->transaction && (options->permits > 0 || options->name_count > 1))
		return usage_error("--permits and --also need a session: they do not go with --transaction", "");
	if (options->transaction && options->lock_delay_ms >= 0)
		return usage_error("--lock-delay needs a session: it does not go with --transaction", "");
	if (options->lock_delay_ms > ADVLOCK_MAX_LOCK_DELAY_MS)
		return usage_error("--lock-delay must be one hour at most", "");
	if (options->keep && options->on_lost == ON_LOST_IGNORE)
		return usage_error("--keep stops the command when the lock is lost: it does not go with --on-lost ignore", "");
	if (options->once_per_ms > 0 && (options->shared || options->permits > 0 || options->name_count > 1 || options->transaction))
		return usage_error("--once-per is for one lock: it goes with none of --shared, --permits, --also and --transaction", "");
	if (options->once_per_ms == INT_MAX)
		return usage_error("--once-per must be 24 days at most", "");
	return check_lease(options);
}

static bool
check_report(const Options *options)
{
	if (options->name_count > 1 || options->shell_string ||
		(options->command && options->command[0]))
		return usage_error("--list, --status and --kill take one NAME and no command", "");
	if (options->key && options->permits > 0)
		return usage_error("--permits is for names: it does not go with --key", "");
	if (options->watch && options->action != ACTION_LIST)
		return usage_error("--watch goes with --list", "");
	return true;
}

bool
usage_check(Options *options)
{
	if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
		return true;
	if (options->names[0] == NULL)
	{
		if (options->action != ACTION_LIST)
			return usage_error("no lock is named", "");
		if (options->name_count > 1)
			return check_report(options);
		options->name_count = 0;
	}
	if (!check_names(options))
		return false;
	return options->action == ACTION_RUN ? check_run(options) : check_report(options);
}
