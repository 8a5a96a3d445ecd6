/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Where to connect, from options and environment.
 *
 * Nothing here ever repeats a connection string in a message: it may have a
 * password anywhere, most of all where it is not quite a connection string.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_CONNINFO_H
#define WITHLOCK_CONNINFO_H

#include <stdio.h>

#include "withlock/withlock.h"

/*
 * Is it no more than a name?  Then it cannot hold a password, and may stay in
 * the list of processes.
 */
extern bool conninfo_is_name(const char *text);

/*
 * --db (or $WITHLOCK_DB, or $PG_CONNECTION_STRING), -h, -p and -U as one
 * connection string, to be freed; as in psql, --db wins over the others.
 * NULL after saying what is wrong.
 */
extern char *conninfo_build(const Options *options);

/*
 * Write those options again, as words of a shell with a blank before each.
 * False, and nothing is written, if that would show a secret or cannot be
 * done.
 */
extern bool conninfo_put_options(FILE *stream, const Options *options);

#endif							/* WITHLOCK_CONNINFO_H */
