/*-------------------------------------------------------------------------
 *
 * name.c
 *	  What can be the name of a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "common/name.h"

#include <stddef.h>
#include <string.h>

/* Bytes of the UTF-8 sequence a lead byte begins; 0 if it begins none. */
static int
sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF)
		return 3;
	if (lead >= 0xF0 && lead <= 0xF4)
		return 4;
	return 0;
}

int
advl_utf8_character(const char *p, uint32_t *code)
{
	const unsigned char *byte = (const unsigned char *) p;
	int			length = sequence_length(byte[0]);

	*code = length > 1 ? byte[0] & (0xFFu >> (length + 1)) : byte[0];
	for (int i = 1; i < length; i++)
	{
		if ((byte[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (byte[i] & 0x3Fu);
	}
	if ((length == 3 && *code < 0x800) || (length == 4 && *code < 0x10000) ||
		(*code >= 0xD800 && *code <= 0xDFFF) || *code > 0x10FFFF)
		return 0;
	return length;
}

static bool
is_valid_utf8(const char *text)
{
	while (*text != '\0')
	{
		uint32_t	code;
		int			length = advl_utf8_character(text, &code);

		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

bool
advl_is_ascii(const char *text)
{
	while (*text != '\0')
	{
		if ((unsigned char) *text++ >= 0x80)
			return false;
	}
	return true;
}

const char *
advl_name_defect(const char *name)
{
	if (name == NULL)
		return "lock name must not be null";
	if (name[0] == '\0')
		return "lock name must not be empty";
	if (strlen(name) > ADVL_MAX_NAME)
		return "lock name must not be longer than 1024 bytes";
	if (!is_valid_utf8(name))
		return "lock name must be valid UTF-8";
	return NULL;
}
