/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Text of other people's for terminals, shells and JSON.
 *
 * Names of locks, users and applications are chosen by whoever may connect.
 * What could drive a terminal, turn its direction, or be seen as something
 * else is shown as an escape: \xNN for control characters and for bytes that
 * are no UTF-8, \uNNNN and \UNNNNNNNN for characters that only format.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_TEXT_H
#define WITHLOCK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Is every character one that shows as itself? */
extern bool text_is_plain(const char *text);

/* Write text so that a person sees every character of it. */
extern void put_visible(FILE *stream, const char *text);

/* The same as a string to be freed, in quotes; NULL if memory ran out. */
extern char *quoted_text(const char *text);

/* Write what is JSON already, with the same characters as JSON escapes. */
extern void put_json(FILE *stream, const char *json);

/*
 * Write text as one word of any shell.  Only for text_is_plain(): an escape
 * would be another word.
 */
extern void put_shell_word(FILE *stream, const char *text);

/* The columns of a terminal that visible text takes. */
extern int	text_width(const char *text);

/* How many bytes of visible text fit into so many columns. */
extern size_t text_fitting(const char *text, int columns);

#endif							/* WITHLOCK_TEXT_H */
