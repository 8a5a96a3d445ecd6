/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  Text that is written as to a file.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/stream.h"

static ssize_t
append(void *text, const char *bytes, size_t size)
{
	advl_text_append_bytes(text, bytes, size);
	return ((advl_text *) text)->broken ? 0 : (ssize_t) size;
}

FILE *
stream_open(advl_text *text)
{
	*text = (advl_text) {0};
	return fopencookie(text, "w", (cookie_io_functions_t) {.write = append});
}

char *
stream_close(FILE *stream, advl_text *text)
{
	fclose(stream);				/* what that fails by, the text says, too */
	advl_text_append(text, "");
	return text->data;
}
