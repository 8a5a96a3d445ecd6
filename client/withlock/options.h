/*-------------------------------------------------------------------------
 *
 * options.h
 *	  Reading the command line.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_OPTIONS_H
#define WITHLOCK_OPTIONS_H

#include "withlock/withlock.h"

/*
 * Fill *options from argv.  Returns false after saying in one line what is
 * wrong.  Free with options_free() in both cases.
 */
extern bool options_parse(Options *options, int argc, char **argv);

extern void options_free(Options *options);

/* The text of --help. */
extern void options_print_help(void);

#endif							/* WITHLOCK_OPTIONS_H */
