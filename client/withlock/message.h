/*-------------------------------------------------------------------------
 *
 * message.h
 *	  withlock's own words, all on stderr.
 *
 * Every line begins with "withlock: ".  What could drive the terminal is made
 * visible, see text.h.  A stderr that is full, closed or broken changes
 * nothing, and delays nothing, see speaker.h.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_MESSAGE_H
#define WITHLOCK_MESSAGE_H

#include <stdbool.h>

extern void message_init(bool quiet, bool verbose);

/* Why withlock itself fails: always shown. */
extern void say_error(const char *fmt,...) __attribute__((format(printf, 1, 2)));

/* What a person wants to know: not shown with --quiet. */
extern void say(const char *fmt,...) __attribute__((format(printf, 1, 2)));

/* What is going on: shown with --verbose. */
extern void say_verbose(const char *fmt,...) __attribute__((format(printf, 1, 2)));

/*
 * The one line that is redrawn in place at a terminal.  It is cut to the
 * terminal's width, and wiped by live_line_clear() and by every message.
 */
extern void live_line_show(const char *text);
extern void live_line_clear(void);

#endif							/* WITHLOCK_MESSAGE_H */
