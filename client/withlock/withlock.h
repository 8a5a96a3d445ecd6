/*-------------------------------------------------------------------------
 *
 * withlock.h
 *	  What the files of withlock share: the options and the exit statuses.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_H
#define WITHLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libadvlock/advlock.h"

/*
 * Everything but these is the command's own exit status.  They are part of
 * the interface: never renumber them.
 */
#define STATUS_NOBODY			1	/* of --kill: there was none to end */
#define STATUS_USAGE			64	/* the command line is wrong */
#define STATUS_UNAVAILABLE		69	/* no usable server */
#define STATUS_INTERNAL			70	/* out of memory or processes */
#define STATUS_LOST				74	/* the lock was lost under the command */
#define STATUS_CONFLICT			75	/* not obtained; see -E */
#define STATUS_CANNOT_EXECUTE	126
#define STATUS_NOT_FOUND		127
#define STATUS_SIGNAL_BASE		128 /* plus the signal's number */

typedef enum Action
{
	ACTION_RUN,
	ACTION_LIST,
	ACTION_STATUS,
	ACTION_KILL,
	ACTION_HELP,
	ACTION_VERSION
} Action;

/*
 * A command under a lease is dead so long before others can have it, by our
 * clock: for ours to be late, and for the server's to be a thousandth faster.
 */
#define LEASE_MARGIN_MS(lease_ms) (250 + (lease_ms) / 1000)

/* How much longer than the command's grace others are kept off. */
#define LOCK_DELAY_BEYOND_GRACE_MS 1000

/* What the command gets when the lock is lost under it. */
typedef enum OnLost
{
	ON_LOST_TERM,
	ON_LOST_KILL,
	ON_LOST_IGNORE
} OnLost;

/* The command line.  The strings are argv's; the arrays are allocated. */
typedef struct Options
{
	Action		action;

	/*
	 * names[0] is NAME, the rest came by --also.  With --key it is the key, as
	 * advlock_key() writes it; that of a tool is "" until key_resolve().
	 */
	const char **names;
	size_t		name_count;
	char	  **shown;			/* the same for messages, names in quotes */
	const char *key;			/* of --key, as given, or NULL */
	char	   *key_text;		/* names[0] then, allocated */
	char	  **command;		/* NULL-terminated */
	const char *shell_string;	/* of -c, or NULL */

	/* Where to connect, as given. */
	char	   *db;				/* allocated */
	const char *host;
	const char *port;
	const char *user;

	/* How to wait, in ms; timeout_ms is -1 for ever, 0 not at all. */
	int			timeout_ms;
	int			conflict_status;

	/* What to take. */
	bool		shared;
	int			permits;		/* 0: not a semaphore */
	bool		transaction;
	bool		allow_pooler;
	int			lease_ms;		/* 0: by a session */
	int			at_least_ms;
	int			once_per_ms;	/* 0: always */
	char	   *holder;			/* of a lease: what we are called; allocated */

	/* When it is lost. */
	OnLost		on_lost;
	int			grace_ms;
	bool		grace_given;
	int			lock_delay_ms;
	bool		keep;

	/* What to say. */
	bool		json;
	bool		watch;
	bool		quiet;
	bool		verbose;
} Options;

#endif							/* WITHLOCK_H */
