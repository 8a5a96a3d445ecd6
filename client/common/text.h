/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Text that grows, and arrays of SQL as text.
 *
 * When memory runs out a text becomes broken: it stays empty, appending does
 * nothing, and only advl_text_reset() makes it usable again.  So a caller
 * checks once, at the end.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_TEXT_H
#define ADVLOCK_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* All zero: empty. */
typedef struct advl_text
{
	char	   *data;
	size_t		len;
	size_t		size;
	bool		broken;
} advl_text;

/* Give the memory back; the text is empty then. */
extern void advl_text_free(advl_text *t);

/* Make it empty and whole; keeps the memory. */
extern void advl_text_reset(advl_text *t);

/* The text, owned by t; "" if nothing was appended, NULL if broken. */
extern const char *advl_text_str(const advl_text *t);

extern void advl_text_append(advl_text *t, const char *s);
extern void advl_text_append_bytes(advl_text *t, const char *bytes, size_t length);
extern void advl_text_appendf(advl_text *t, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void advl_text_vappendf(advl_text *t, const char *fmt, va_list args);

/* Drop the newlines libpq's messages end in. */
extern void advl_text_trim(advl_text *t);

/*
 * Append an element to the text form of an SQL array; begin with an empty
 * text, and end with advl_text_close_array(), which also makes the empty
 * array.
 */
extern void advl_text_append_element(advl_text *t, const char *element);
extern void advl_text_close_array(advl_text *t);

#endif							/* ADVLOCK_TEXT_H */
