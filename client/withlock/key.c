/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The lock of --key: a number, two, or the name of a tool.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "withlock/stream.h"
#include "withlock/text.h"

/* A tool's name begins with a letter, and has no others than these. */
#define TOOL_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-."

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A whole number up to that character; strtoll() alone would take " 5". */
static bool
read_integer(const char *word, char end, int64_t low, int64_t high, int64_t *number)
{
	char	   *rest;

	if (word[*word == '-'] < '0' || word[*word == '-'] > '9')
		return false;
	errno = 0;
	*number = strtoll(word, &rest, 10);
	return errno == 0 && *rest == end && *number >= low && *number <= high;
}

bool
key_read(const char *word, char *text)
{
	const char *comma = strchr(word, ',');
	int64_t		first;
	int64_t		second;

	*text = '\0';
	if (is_letter(*word))
		return word[strspn(word, TOOL_CHARACTERS)] == '\0';
	if (comma == NULL && read_integer(word, '\0', INT64_MIN, INT64_MAX, &first))
		return advlock_key(text, first) != NULL;
	return comma && read_integer(word, ',', INT32_MIN, INT32_MAX, &first) &&
		read_integer(comma + 1, '\0', INT32_MIN, INT32_MAX, &second) &&
		advlock_key_pair(text, (int32_t) first, (int32_t) second) != NULL;
}

bool
key_is_of_tool(const Options *options)
{
	return options->key && is_letter(*options->key);
}

/* The number or numbers, behind what marks them as a key. */
static const char *
numbers(const Options *options)
{
	return options->names[0] + 1;
}

char *
key_title(const Options *options, const char *tool)
{
	advl_text	text;
	FILE	   *stream = stream_open(&text);
	bool		known = options->names[0][0] != '\0';

	if (stream == NULL)
		return NULL;
	fputs(known ? numbers(options) : "of ", stream);
	if (!known)
		put_visible(stream, options->key);
	if (tool)
	{
		fputs(" (", stream);
		put_visible(stream, tool);
		fputc(')', stream);
	}
	return stream_close(stream, &text);
}

void
key_parameters(const Options *options, KeyParameters *parameters)
{
	const char *comma = strchr(numbers(options), ',');
	int64_t		key = strtoll(numbers(options), NULL, 10);

	if (comma)
		key = (int64_t) ((uint64_t) key << 32 | (uint32_t) strtoll(comma + 1, NULL, 10));
	snprintf(parameters->key, sizeof(parameters->key), "%" PRId64, key);
	snprintf(parameters->space, sizeof(parameters->space), "%d", comma ? 2 : 1);
}
