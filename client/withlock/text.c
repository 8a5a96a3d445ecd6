/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Text of other people's for terminals, shells and JSON.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/text.h"

#include <string.h>

#include <libpq-fe.h>

#include "common/name.h"
#include "withlock/stream.h"

#define REPLACEMENT_CHARACTER 0xfffd

typedef struct Range
{
	uint32_t	first;
	uint32_t	last;
} Range;

/*
 * Characters that are not seen but change how others are, or pass unnoticed:
 * C1 controls, directions, joiners, line separators, fillers, tags.  In order.
 */
static const Range formatting[] = {
	{0x0080, 0x009f}, {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},
	{0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	{0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff},
	{0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}
};

static bool
is_control(uint32_t code)
{
	return code < 0x20 || code == 0x7f;
}

static bool
is_formatting(uint32_t code)
{
	size_t		i;

	for (i = 0; i < sizeof(formatting) / sizeof(formatting[0]); i++)
	{
		if (code <= formatting[i].last)
			return code >= formatting[i].first;
	}
	return false;
}

/* How many bytes from here on are shown as they are. */
static size_t
plain_length(const char *text)
{
	const char *p = text;

	while (*p)
	{
		uint32_t	code;
		int			length = advl_utf8_character(p, &code);

		if (length == 0 || is_control(code) || is_formatting(code))
			break;
		p += length;
	}
	return (size_t) (p - text);
}

bool
text_is_plain(const char *text)
{
	return text[plain_length(text)] == '\0';
}

/* Put one character that is not shown as it is; how many bytes it has. */
static int
put_escape(FILE *stream, const char *text)
{
	uint32_t	code;
	int			length = advl_utf8_character(text, &code);

	if (length > 0 && is_formatting(code))
		fprintf(stream, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
	else
		fprintf(stream, "\\x%02x", (unsigned char) *text);
	return length > 0 ? length : 1;
}

void
put_visible(FILE *stream, const char *text)
{
	for (;;)
	{
		size_t		plain = plain_length(text);

		fwrite(text, 1, plain, stream);
		text += plain;
		if (*text == '\0')
			return;
		text += put_escape(stream, text);
	}
}

char *
quoted_text(const char *text)
{
	advl_text	visible;
	FILE	   *stream = stream_open(&visible);

	if (stream == NULL)
		return NULL;
	fputc('"', stream);
	put_visible(stream, text);
	fputc('"', stream);
	return stream_close(stream, &visible);
}

/* One character as JSON escapes it: beyond 16 bits as two surrogates. */
static void
put_json_escape(FILE *stream, uint32_t code)
{
	if (code <= 0xffff)
		fprintf(stream, "\\u%04x", code);
	else
		fprintf(stream, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

/*
 * Outside of its strings JSON has nothing to escape but white space, nor have
 * its strings raw control characters, where it is JSON that a server sends.
 */
void
put_json(FILE *stream, const char *json)
{
	while (*json)
	{
		uint32_t	code;
		int			length = advl_utf8_character(json, &code);

		if (length == 0)
			put_json_escape(stream, REPLACEMENT_CHARACTER);
		else if ((is_control(code) && code != '\t' && code != '\n') || is_formatting(code))
			put_json_escape(stream, code);
		else
			fwrite(json, 1, (size_t) length, stream);
		json += length > 0 ? length : 1;
	}
}

void
put_shell_word(FILE *stream, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_./:,@%+-";

	if (*text && text[strspn(text, harmless)] == '\0')
	{
		fputs(text, stream);
		return;
	}
	fputc('\'', stream);
	for (; *text; text++)
	{
		if (*text == '\'')
			fputs("'\\''", stream);
		else
			fputc(*text, stream);
	}
	fputc('\'', stream);
}

/*
 * libpq knows what psql knows: wide characters take two columns, those that
 * combine with the one before take none.
 */
static int
character_width(const char *p)
{
	uint32_t	code;
	int			length = advl_utf8_character(p, &code);
	int			width = 1;

	if (length > 0 && is_control(code))
		width = 0;
	else if (length > 1)
		width = PQdsplen(p, pg_char_to_encoding("UTF8"));
	return width < 0 ? 0 : width;
}

static size_t
character_length(const char *p)
{
	uint32_t	code;
	int			length = advl_utf8_character(p, &code);

	return length > 0 ? (size_t) length : 1;
}

int
text_width(const char *text)
{
	int			width = 0;

	for (; *text; text += character_length(text))
		width += character_width(text);
	return width;
}

size_t
text_fitting(const char *text, int columns)
{
	const char *p = text;

	while (*p && (columns -= character_width(p)) >= 0)
		p += character_length(p);
	return (size_t) (p - text);
}
