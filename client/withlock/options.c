/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Reading the command line.
 *
 * One table tells getopt, the reader of values and --help what there is.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "withlock/message.h"
#include "withlock/values.h"

#define DEFAULT_GRACE_MS 5000
#define LOCK_DELAY_BEYOND_GRACE_MS 1000
#define DURATION "a duration such as 0.5, 30, 500ms, 5s, 2m or 1h"

/* What getopt returns for the table's first row; the rows follow. */
#define FIRST_ROW 256

typedef struct OptionSpec OptionSpec;

struct OptionSpec
{
	const char *name;
	char		letter;			/* 0: none */
	const char *argument;		/* NULL: takes none */
	const char *help;
	bool		(*read) (const OptionSpec *spec, Options *options, char *value);
	size_t		field;			/* of Options, where it goes */
	int			low;			/* the least number, or the flag's value */
	int			high;
	const char *expected;		/* what the argument must be */
};

static bool
read_flag(const OptionSpec *spec, Options *options, char *value)
{
	(void) value;
	*(bool *) ((char *) options + spec->field) = true;
	return true;
}

static bool
read_constant(const OptionSpec *spec, Options *options, char *value)
{
	(void) value;
	*(int *) ((char *) options + spec->field) = spec->low;
	return true;
}

static bool
read_string(const OptionSpec *spec, Options *options, char *value)
{
	*(char **) ((char *) options + spec->field) = value;
	return true;
}

static bool
read_number_option(const OptionSpec *spec, Options *options, char *value)
{
	return read_number(value, spec->low, spec->high,
					   (int *) ((char *) options + spec->field));
}

static bool
read_duration_option(const OptionSpec *spec, Options *options, char *value)
{
	return read_duration(value, (int *) ((char *) options + spec->field));
}

static bool
read_on_lost(const OptionSpec *spec, Options *options, char *value)
{
	static const char *const words[] = {"term", "kill", "ignore"};
	int			i;

	(void) spec;
	for (i = 0; i < 3; i++)
	{
		if (strcmp(value, words[i]) == 0)
		{
			options->on_lost = (OnLost) i;
			return true;
		}
	}
	return false;
}

/* The array has room for every word of the command line. */
static bool
read_also(const OptionSpec *spec, Options *options, char *value)
{
	(void) spec;
	options->names[options->name_count++] = value;
	return true;
}

static bool
read_action(const OptionSpec *spec, Options *options, char *value)
{
	(void) value;
	if (options->action != ACTION_RUN && options->action != (Action) spec->low)
		return false;
	options->action = (Action) spec->low;
	return true;
}

#define FIELD(name) offsetof(Options, name)
#define ONE_ACTION "the only one of --list, --status and --kill"

static const OptionSpec specs[] = {
	{"db", 'd', "CONNINFO", "the database: name, key=value ... or URI",
	read_string, FIELD(db), 0, 0, NULL},
	{"host", 'h', "HOST", "server's host name or socket directory",
	read_string, FIELD(host), 0, 0, NULL},
	{"port", 'p', "PORT", "server's port",
	read_string, FIELD(port), 0, 0, NULL},
	{"username", 'U', "USER", "connect as this user",
	read_string, FIELD(user), 0, 0, NULL},
	{"timeout", 't', "DURATION", "connect and wait for so long at most",
	read_duration_option, FIELD(timeout_ms), 0, 0, DURATION},
	{"wait", 'w', "DURATION", "the same as --timeout",
	read_duration_option, FIELD(timeout_ms), 0, 0, DURATION},
	{"nonblock", 'n', NULL, "do not wait for the lock",
	read_constant, FIELD(timeout_ms), 0, 0, NULL},
	{"shared", 's', NULL, "take the lock in shared mode",
	read_flag, FIELD(shared), 0, 0, NULL},
	{"permits", 0, "N", "be one of at most N holders",
	read_number_option, FIELD(permits), 1, INT_MAX, "a number from 1 to 2147483647"},
	{"also", 0, "NAME", "take this lock too (repeatable)",
	read_also, 0, 0, 0, NULL},
	{"conflict-exit-code", 'E', "N", "exit status if the lock is not obtained (75)",
	read_number_option, FIELD(conflict_status), 0, 255, "a number from 0 to 255"},
	{"command", 'c', "STRING", "run STRING by $SHELL in place of COMMAND",
	read_string, FIELD(shell_string), 0, 0, NULL},
	{"on-lost", 0, "ACTION", "when the lock is lost: term, kill or ignore",
	read_on_lost, 0, 0, 0, "term, kill or ignore"},
	{"grace", 0, "DURATION", "from SIGTERM to SIGKILL then (5s)",
	read_duration_option, FIELD(grace_ms), 0, 0, DURATION},
	{"lock-delay", 0, "DURATION", "keep others off for so long if this ends\nwithout releasing (the grace and 1s)",
	read_duration_option, FIELD(lock_delay_ms), 0, 0, DURATION},
	{"keep", 0, NULL, "when the lock is lost: stop the command, get\nthe lock again, start the command again",
	read_flag, FIELD(keep), 0, 0, NULL},
	{"transaction", 0, NULL, "hold the lock by an open transaction,\nfor poolers in transaction mode",
	read_flag, FIELD(transaction), 0, 0, NULL},
	{"allow-pooler", 0, NULL, "accept a connection pooler (in session mode)",
	read_flag, FIELD(allow_pooler), 0, 0, NULL},
	{"list", 0, NULL, "show who holds and awaits locks",
	read_action, 0, ACTION_LIST, 0, ONE_ACTION},
	{"status", 0, NULL, "show whether NAME is held; 0 if it is free",
	read_action, 0, ACTION_STATUS, 0, ONE_ACTION},
	{"kill", 0, NULL, "end the sessions that hold NAME",
	read_action, 0, ACTION_KILL, 0, ONE_ACTION},
	{"json", 0, NULL, "with --list, --status or --kill: answer in JSON",
	read_flag, FIELD(json), 0, 0, NULL},
	{"watch", 0, NULL, "with --list: show it again every second",
	read_flag, FIELD(watch), 0, 0, NULL},
	{"quiet", 'q', NULL, "say nothing but errors",
	read_flag, FIELD(quiet), 0, 0, NULL},
	{"verbose", 'v', NULL, "say what is going on",
	read_flag, FIELD(verbose), 0, 0, NULL},
	{"version", 'V', NULL, "show the version and exit",
	read_action, 0, ACTION_VERSION, 0, ONE_ACTION},
	{"help", 0, NULL, "show this help and exit",
	read_action, 0, ACTION_HELP, 0, ONE_ACTION}
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

/* "--name", or "-x, --name", with its argument, into a buffer. */
static void
describe_option(const OptionSpec *spec, char *buffer, size_t size)
{
	char		letter[5] = "    ";

	if (spec->letter)
		snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
	snprintf(buffer, size, "%s--%s%s%s", letter, spec->name,
			 spec->argument ? " " : "", spec->argument ? spec->argument : "");
}

void
options_print_help(void)
{
	size_t		i;

	fputs("withlock runs a command while it holds a named lock of a PostgreSQL database.\n\n"
		  "Usage:\n"
		  "  withlock [OPTION]... NAME [OPTION]... [--] COMMAND [ARG]...\n"
		  "  withlock [OPTION]... NAME -c STRING\n"
		  "  withlock [OPTION]... --list [NAME] | --status NAME | --kill NAME\n\n"
		  "Options:\n", stdout);
	for (i = 0; i < SPEC_COUNT; i++)
	{
		char		left[40];
		const char *help = specs[i].help;
		const char *more = strchr(help, '\n');

		describe_option(&specs[i], left, sizeof(left));
		printf("  %-30s %.*s\n", left, more ? (int) (more - help) : INT_MAX, help);
		if (more)
			printf("  %-30s %s\n", "", more + 1);
	}
	fputs("\nA DURATION is a number with ms, s, m or h; seconds without.\n"
		  "Without --db: $WITHLOCK_DB, else $PG_CONNECTION_STRING, else libpq's PGHOST, ...\n\n"
		  "The exit status is the command's, or 128 + n when signal n ended it, or\n"
		  "  64 usage; 69 no usable server; 70 internal error; 74 lock lost;\n"
		  "  75 lock not obtained; 126 cannot execute; 127 command not found\n", stdout);
}

static void
build_getopt_tables(struct option *longs, char *shorts)
{
	size_t		i;

	/* "+": stop at the first operand; ":": tell missing arguments apart */
	*shorts++ = '+';
	*shorts++ = ':';
	for (i = 0; i < SPEC_COUNT; i++)
	{
		longs[i].name = specs[i].name;
		longs[i].has_arg = specs[i].argument ? required_argument : no_argument;
		longs[i].flag = NULL;
		longs[i].val = FIRST_ROW + (int) i;
		if (specs[i].letter)
		{
			*shorts++ = specs[i].letter;
			if (specs[i].argument)
				*shorts++ = ':';
		}
	}
	memset(&longs[SPEC_COUNT], 0, sizeof(struct option));
	*shorts = '\0';
}

/* The row for what getopt returned. */
static const OptionSpec *
find_spec(int value)
{
	size_t		i;

	if (value >= FIRST_ROW)
		return &specs[value - FIRST_ROW];
	for (i = 0; i < SPEC_COUNT; i++)
	{
		if (specs[i].letter == value)
			return &specs[i];
	}
	return NULL;
}

static bool
wrong(const char *what, const char *detail)
{
	say_error("%s%s (see \"withlock --help\")", what, detail);
	return false;
}

/* Say which word getopt stumbled over; optopt is 0 for a long option. */
static bool
complain(int problem, char **argv)
{
	char		letter[3] = {'-', (char) optopt, '\0'};
	bool		is_letter = optopt > 0 && optopt < FIRST_ROW;
	char	   *word = is_letter ? letter : argv[optind - 1];

	/* what follows could be a connection string with its password */
	word[strcspn(word, "=")] = '\0';
	if (problem == ':')
		return wrong("an argument is missing after ", word);
	if (!is_letter && optopt >= FIRST_ROW)
		return wrong("no argument is allowed in ", word);
	return wrong("unknown or ambiguous option: ", word);
}

/* Read options up to the next operand or "--". */
static bool
read_options(Options *options, int argc, char **argv)
{
	struct option longs[SPEC_COUNT + 1];
	char		shorts[2 * SPEC_COUNT + 3];
	int			value;

	build_getopt_tables(longs, shorts);
	opterr = 0;
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
	{
		const OptionSpec *spec;

		if (value == '?' || value == ':')
			return complain(value, argv);
		spec = find_spec(value);
		if (!spec->read(spec, options, optarg))
		{
			say_error("--%s%s%s: must be %s", spec->name, optarg ? " " : "",
					  optarg ? optarg : "", spec->expected);
			return false;
		}
	}
	return true;
}

/* Read "[OPTION]... [NAME [OPTION]... [--] [COMMAND [ARG]...]]". */
static bool
read_command_line(Options *options, int argc, char **argv)
{
	bool		ended;

	if (!read_options(options, argc, argv))
		return false;
	if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
		return true;
	if (optind == argc)
		return true;

	ended = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
	options->names[0] = argv[optind++];
	if (!ended && !read_options(options, argc, argv))
		return false;
	if (ended && optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	options->command = &argv[optind];
	return true;
}

static bool
check_names(const Options *options)
{
	size_t		i;

	for (i = 0; i < options->name_count; i++)
	{
		const char *defect = name_defect(options->names[i]);

		if (defect)
			return wrong(defect, "");
	}
	return true;
}

static bool
check_run(const Options *options)
{
	if (options->shell_string && options->command[0])
		return wrong("-c STRING takes the place of COMMAND: ", options->command[0]);
	if (!options->shell_string && !options->command[0])
		return wrong("no command is given to run while holding the lock", "");
	if (options->json || options->watch)
		return wrong("--json and --watch go with --list, --status or --kill", "");
	if (options->shared && options->permits > 0)
		return wrong("--shared and --permits exclude each other", "");
	if (options->name_count > 1 && (options->shared || options->permits > 0))
		return wrong("--also goes with neither --shared nor --permits", "");
	if (options->transaction && options->permits > 0)
		return wrong("--permits needs a session: it does not go with --transaction", "");
	if (options->lock_delay_ms > ADVLOCK_MAX_LOCK_DELAY_MS)
		return wrong("--lock-delay must be one hour at most", "");
	if (options->keep && options->on_lost == ON_LOST_IGNORE)
		return wrong("--keep stops the command when the lock is lost: it does not go with --on-lost ignore", "");
	return true;
}

static bool
check_report(const Options *options)
{
	if (options->name_count > 1 || options->shell_string ||
		(options->command && options->command[0]))
		return wrong("--list, --status and --kill take one NAME and no command", "");
	if (options->watch && options->action != ACTION_LIST)
		return wrong("--watch goes with --list", "");
	return true;
}

static bool
check_options(Options *options)
{
	if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
		return true;
	if (options->names[0] == NULL)
	{
		if (options->action != ACTION_LIST)
			return wrong("no lock is named", "");
		if (options->name_count > 1)
			return check_report(options);
		options->name_count = 0;
	}
	if (!check_names(options))
		return false;
	return options->action == ACTION_RUN ? check_run(options) : check_report(options);
}

bool
options_parse(Options *options, int argc, char **argv)
{
	memset(options, 0, sizeof(*options));
	options->timeout_ms = -1;
	options->conflict_status = STATUS_CONFLICT;
	options->grace_ms = DEFAULT_GRACE_MS;
	options->lock_delay_ms = -1;
	options->names = calloc((size_t) argc + 1, sizeof(char *));
	if (options->names == NULL)
	{
		say_error("out of memory");
		return false;
	}
	options->name_count = 1;	/* NAME's place is the first */

	if (!read_command_line(options, argc, argv) || !check_options(options))
		return false;
	if (options->lock_delay_ms < 0)
		options->lock_delay_ms = options->grace_ms > ADVLOCK_MAX_LOCK_DELAY_MS - LOCK_DELAY_BEYOND_GRACE_MS ?
			ADVLOCK_MAX_LOCK_DELAY_MS : options->grace_ms + LOCK_DELAY_BEYOND_GRACE_MS;
	return true;
}

void
options_free(Options *options)
{
	free(options->names);
}
