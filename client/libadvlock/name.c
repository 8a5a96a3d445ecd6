/*-------------------------------------------------------------------------
 *
 * name.c
 *	  What can be the name of a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/internal.h"

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

/*
 * Bytes of the well-formed sequence at s, 0 if there is none.  Overlong
 * forms, surrogates and what is beyond U+10FFFF show in the second byte.
 */
static int
valid_sequence(const unsigned char *s)
{
	int			length = sequence_length(s[0]);

	for (int i = 1; i < length; i++)
	{
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
		(s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return length;
}

static bool
is_valid_utf8(const char *name)
{
	const unsigned char *s = (const unsigned char *) name;

	while (*s != '\0')
	{
		int			length = valid_sequence(s);

		if (length == 0)
			return false;
		s += length;
	}
	return true;
}

static bool
is_ascii(const char *name)
{
	while (*name != '\0')
	{
		if ((unsigned char) *name++ >= 0x80)
			return false;
	}
	return true;
}

/* Refuse what the server would refuse, or would take for another name. */
advlock_result
advl_check_name(advlock *h, const char *name)
{
	const char *encoding = PQparameterStatus(h->conn, "client_encoding");

	if (name == NULL)
		return advl_fail(h, ADVLOCK_INVALID, "lock name must not be null");
	if (name[0] == '\0')
		return advl_fail(h, ADVLOCK_INVALID, "lock name must not be empty");
	if (strlen(name) > ADVL_MAX_NAME)
		return advl_fail(h, ADVLOCK_INVALID,
						 "lock name is too long: %zu bytes, the limit is %d",
						 strlen(name), ADVL_MAX_NAME);
	if (!is_valid_utf8(name))
		return advl_fail(h, ADVLOCK_INVALID, "lock name is not valid UTF-8");
	if (!is_ascii(name) && (encoding == NULL || strcmp(encoding, "UTF8") != 0))
		return advl_fail(h, ADVLOCK_INVALID,
						 "client_encoding of the connection must be UTF8, it is \"%s\"",
						 encoding == NULL ? "" : encoding);
	return ADVLOCK_OK;
}
