/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Text that grows, and arrays of SQL as text.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
advl_text_free(advl_text *t)
{
	free(t->data);
	memset(t, 0, sizeof(*t));
}

void
advl_text_reset(advl_text *t)
{
	t->broken = false;
	t->len = 0;
	if (t->data != NULL)
		t->data[0] = '\0';
}

const char *
advl_text_str(const advl_text *t)
{
	if (t->broken)
		return NULL;
	return t->data == NULL ? "" : t->data;
}

static bool
reserve(advl_text *t, size_t more)
{
	size_t		needed = t->len + more + 1;
	size_t		size = t->size == 0 ? 128 : t->size;
	char	   *data;

	if (t->broken)
		return false;
	if (needed <= t->size)
		return true;
	while (size < needed)
		size *= 2;
	data = realloc(t->data, size);
	if (data == NULL)
	{
		advl_text_free(t);
		t->broken = true;
		return false;
	}
	t->data = data;
	t->size = size;
	return true;
}

void
advl_text_append_bytes(advl_text *t, const char *bytes, size_t length)
{
	if (!reserve(t, length))
		return;
	memcpy(t->data + t->len, bytes, length);
	t->len += length;
	t->data[t->len] = '\0';
}

void
advl_text_append(advl_text *t, const char *s)
{
	advl_text_append_bytes(t, s, strlen(s));
}

void
advl_text_vappendf(advl_text *t, const char *fmt, va_list args)
{
	va_list		again;
	int			length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (length < 0 || !reserve(t, length))
		return;
	vsnprintf(t->data + t->len, length + 1, fmt, args);
	t->len += length;
}

void
advl_text_appendf(advl_text *t, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	advl_text_vappendf(t, fmt, args);
	va_end(args);
}

void
advl_text_trim(advl_text *t)
{
	while (t->len > 0 && t->data[t->len - 1] == '\n')
		t->data[--t->len] = '\0';
}

void
advl_text_append_element(advl_text *t, const char *element)
{
	advl_text_append(t, t->len == 0 ? "{\"" : ",\"");
	for (; *element != '\0'; element++)
	{
		if (*element == '"' || *element == '\\')
			advl_text_append_bytes(t, "\\", 1);
		advl_text_append_bytes(t, element, 1);
	}
	advl_text_append_bytes(t, "\"", 1);
}

void
advl_text_close_array(advl_text *t)
{
	advl_text_append(t, t->len == 0 ? "{}" : "}");
}
