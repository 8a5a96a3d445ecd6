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
#include <unistd.h>

#include "withlock/conninfo.h"
#include "withlock/key.h"
#include "withlock/message.h"
#include "withlock/usage.h"
#include "withlock/values.h"

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
	int			low;			/* the least number or time, or the flag's value */
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

/*
 * Other users can read the command line, so what could hold a password does
 * not stay there.  The last --db counts, but each is hidden.
 */
static bool
read_db(const OptionSpec *spec, Options *options, char *value)
{
	(void) spec;
	free(options->db);
	options->db = strdup(value);
	if (!conninfo_is_name(value))
		memset(value, '*', strlen(value));
	return options->db != NULL;
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
	int		   *field = (int *) ((char *) options + spec->field);

	return read_duration(value, field) && *field >= spec->low;
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

/* There is one lock to be taken by its key: another would be left out. */
static bool
read_key(const OptionSpec *spec, Options *options, char *value)
{
	(void) spec;
	if (options->key || !key_read(value, options->key_text))
		return false;
	options->key = value;
	options->names[0] = options->key_text;
	return true;
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

/* The help of an option, with its argument, has half a line. */
static const OptionSpec specs[] = {
	{"db", 'd', "CONNINFO", "name, URI, k=v ...",
	read_db, 0, 0, 0, "shorter"},
	{"host", 'h', "HOST", "name or socket dir",
	read_string, FIELD(host), 0, 0, NULL},
	{"port", 'p', "PORT", "the server's",
	read_string, FIELD(port), 0, 0, NULL},
	{"username", 'U', "USER", "connect as",
	read_string, FIELD(user), 0, 0, NULL},
	{"timeout", 't', "TIME", "wait at most",
	read_duration_option, FIELD(timeout_ms), 0, 0, DURATION},
	{"wait", 'w', "TIME", "same as --timeout",
	read_duration_option, FIELD(timeout_ms), 0, 0, DURATION},
	{"nonblock", 'n', NULL, "do not wait",
	read_constant, FIELD(timeout_ms), 0, 0, NULL},
	{"conflict-exit-code", 'E', "N", "not had: 75",
	read_number_option, FIELD(conflict_status), 0, 255, "a number from 0 to 255"},
	{"shared", 's', NULL, "in shared mode",
	read_flag, FIELD(shared), 0, 0, NULL},
	{"permits", 0, "N", "one of N at a time",
	read_number_option, FIELD(permits), 1, INT_MAX, "a number from 1 to 2147483647"},
	{"also", 0, "NAME", "take this, too",
	read_also, 0, 0, 0, NULL},
	{"key", 0, "KEY", "N, N,M or a tool's",
	read_key, 0, 0, 0, "a number, two integers as N,M, or the name of a tool, and given once"},
	{"command", 'c', "STRING", "run it by $SHELL",
	read_string, FIELD(shell_string), 0, 0, NULL},
	{"on-lost", 0, "ACTION", "term|kill|ignore",
	read_on_lost, 0, 0, 0, "term, kill or ignore"},
	{"grace", 0, "TIME", "TERM to KILL: 5s",
	read_duration_option, FIELD(grace_ms), 0, 0, DURATION},
	{"lock-delay", 0, "TIME", "keep others off",
	read_duration_option, FIELD(lock_delay_ms), 0, 0, DURATION},
	{"keep", 0, NULL, "start again if lost",
	read_flag, FIELD(keep), 0, 0, NULL},
	{"transaction", 0, NULL, "by a transaction",
	read_flag, FIELD(transaction), 0, 0, NULL},
	{"allow-pooler", 0, NULL, "in session mode",
	read_flag, FIELD(allow_pooler), 0, 0, NULL},
	{"lease", 0, "TIME", "hold by a lease",
	read_duration_option, FIELD(lease_ms), ADVLOCK_MIN_LEASE_MS, 0, "one second to 24 hours"},
	{"at-least", 0, "TIME", "keep NAME so long",
	read_duration_option, FIELD(at_least_ms), 0, 0, DURATION},
	{"once-per", 0, "TIME", "run if none did",
	read_duration_option, FIELD(once_per_ms), 1, 0, "a duration above 0, such as 30, 10m or 20h"},
	{"list", 0, NULL, "who holds and waits",
	read_action, 0, ACTION_LIST, 0, ONE_ACTION},
	{"watch", 0, NULL, "... every second",
	read_flag, FIELD(watch), 0, 0, NULL},
	{"status", 0, NULL, "is NAME held?",
	read_action, 0, ACTION_STATUS, 0, ONE_ACTION},
	{"kill", 0, NULL, "end who holds NAME",
	read_action, 0, ACTION_KILL, 0, ONE_ACTION},
	{"json", 0, NULL, "these, in JSON",
	read_flag, FIELD(json), 0, 0, NULL},
	{"quiet", 'q', NULL, "say errors only",
	read_flag, FIELD(quiet), 0, 0, NULL},
	{"verbose", 'v', NULL, "say what goes on",
	read_flag, FIELD(verbose), 0, 0, NULL},
	{"version", 'V', NULL, "show the version",
	read_action, 0, ACTION_VERSION, 0, ONE_ACTION},
	{"help", 0, NULL, "show this",
	read_action, 0, ACTION_HELP, 0, ONE_ACTION}
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

/* Half a line: "-x, --name ARGUMENT help". */
static void
print_option(const OptionSpec *spec, bool first)
{
	char		left[40];
	char		cell[80];

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", spec->letter ? '-' : ' ',
			 spec->letter ? spec->letter : ' ', spec->letter ? ',' : ' ', spec->name,
			 spec->argument ? " " : "", spec->argument ? spec->argument : "");
	snprintf(cell, sizeof(cell), "%-20s %s", left, spec->help);
	if (first)
		printf("%-39s ", cell);
	else
		printf("%s\n", cell);
}

/* All of it fits a terminal of 24 lines of 80 columns, with a prompt. */
void
options_print_help(void)
{
	size_t		half = (SPEC_COUNT + 1) / 2;
	size_t		i;

	fputs("Run COMMAND while holding the lock NAME of a PostgreSQL database.\n"
		  "Usage: withlock [OPTION]... NAME [OPTION]... [--] COMMAND [ARG]...\n"
		  "       withlock [OPTION]... --list [NAME] | --status NAME | --kill NAME\n", stdout);
	for (i = 0; i < half; i++)
	{
		print_option(&specs[i], i + half < SPEC_COUNT);
		if (i + half < SPEC_COUNT)
			print_option(&specs[i + half], false);
	}
	fputs("TIME: 500ms, 5s, 2m, 1h; seconds without a unit.  All about it: man withlock\n"
		  "Without --db: $WITHLOCK_DB, else $PG_CONNECTION_STRING, else libpq's PGHOST ...\n"
		  "Exit status: COMMAND's; 128+n by signal n; 64 usage; 69 no usable server; 70\n"
		  "internal; 74 lost; 75 not had; 126 cannot execute; 127 not found; 1 none to kill\n",
		  stdout);
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

/*
 * How much of a word may be repeated: nothing from where it could be a
 * connection string, with its password, that went astray.
 */
static int
harmless_length(const char *word)
{
	return (int) strcspn(word, "=:/@");
}

static bool
wrong_word(const char *what, const char *word)
{
	char		shown[80];

	snprintf(shown, sizeof(shown), "%.*s", harmless_length(word), word);
	return usage_error(what, shown);
}

/* Say which word getopt stumbled over; optopt is 0 for a long option. */
static bool
complain(int problem, char **argv)
{
	char		letter[3] = {'-', (char) optopt, '\0'};
	bool		is_letter = optopt > 0 && optopt < FIRST_ROW;
	const char *word = is_letter ? letter : argv[optind - 1];

	if (problem == ':')
		return wrong_word("an argument is missing after ", word);
	if (!is_letter && optopt >= FIRST_ROW)
		return wrong_word("no argument is allowed in ", word);
	return wrong_word("unknown or ambiguous option: ", word);
}

/* Say what the value of an option must be, and what it is if that is harmless. */
static bool
complain_value(const OptionSpec *spec, const char *value)
{
	bool		show = value && value[harmless_length(value)] == '\0';

	say_error("--%s%s%s: must be %s", spec->name, show ? " " : "", show ? value : "",
			  spec->expected);
	return false;
}

/* Read options up to the next operand or "--"; was there one? */
static bool
read_options(Options *options, int argc, char **argv, bool *ended)
{
	struct option longs[SPEC_COUNT + 1];
	char		shorts[2 * SPEC_COUNT + 3];
	int			value;
	int			last;			/* of the options, the word behind it */

	build_getopt_tables(longs, shorts);
	opterr = 0;
	while (last = optind, (value = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
	{
		const OptionSpec *spec;

		if (value == '?' || value == ':')
			return complain(value, argv);
		spec = find_spec(value);
		if (!spec->read(spec, options, optarg))
			return complain_value(spec, optarg);
	}
	*ended = optind > last;
	return true;
}

/* Read "[OPTION]... [NAME [OPTION]... [--] [COMMAND [ARG]...]]". */
static bool
read_command_line(Options *options, int argc, char **argv)
{
	bool		ended;
	bool		first_ended;

	if (!read_options(options, argc, argv, &ended))
		return false;
	if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
		return true;
	if (optind == argc && options->key == NULL)
		return true;

	if (options->key == NULL)
	{
		options->names[0] = argv[optind++];
		first_ended = ended;
		if (!ended && !read_options(options, argc, argv, &ended))
			return false;
		if (options->key)
			return usage_error("--key takes the place of NAME, and comes before COMMAND", "");
		if (first_ended && optind < argc && strcmp(argv[optind], "--") == 0)
			optind++;
	}
	options->command = &argv[optind];
	return true;
}

/* Behind a pooler the server knows no more than the pooler's host. */
static bool
name_holder(Options *options)
{
	char		host[256] = "";

	(void) gethostname(host, sizeof(host) - 1);
	return asprintf(&options->holder, "withlock on %s, pid %d", host, (int) getpid()) >= 0 ||
		usage_out_of_memory();
}

bool
options_parse(Options *options, int argc, char **argv)
{
	memset(options, 0, sizeof(*options));
	options->timeout_ms = -1;
	options->conflict_status = STATUS_CONFLICT;
	options->grace_ms = -1;
	options->lock_delay_ms = -1;
	options->names = calloc((size_t) argc + 1, sizeof(char *));
	options->shown = calloc((size_t) argc + 1, sizeof(char *));
	options->key_text = calloc(1, ADVLOCK_KEY_SIZE);
	if (options->names == NULL || options->shown == NULL || options->key_text == NULL)
		return usage_out_of_memory();
	options->name_count = 1;	/* NAME's place is the first */

	if (!read_command_line(options, argc, argv) || !usage_check(options))
		return false;
	options->grace_given = options->grace_ms >= 0;
	if (!options->grace_given)
		options->grace_ms = usage_default_grace_ms(options);
	if (options->lock_delay_ms < 0)
		options->lock_delay_ms = usage_default_lock_delay_ms(options);
	return options->lease_ms == 0 || name_holder(options);
}

void
options_free(Options *options)
{
	size_t		i;

	for (i = 0; options->shown && options->shown[i]; i++)
		free(options->shown[i]);
	free(options->shown);
	free(options->names);
	free(options->key_text);
	free(options->db);
	free(options->holder);
}
