/*-------------------------------------------------------------------------
 *
 * values.c
 *	  Strict readers of what a person types.
 *
 * strtol() and strtod() would take "", " 5", "0x5", "nan" and "5 apples".
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/values.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#define MAX_NAME_BYTES 1024

typedef struct Unit
{
	const char *name;
	int64_t		us;
} Unit;

static const Unit units[] = {
	{"", 1000000},
	{"ms", 1000},
	{"s", 1000000},
	{"m", INT64_C(60) * 1000000},
	{"h", INT64_C(3600) * 1000000}
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The unit's length in microseconds, 0 if there is no such unit. */
static int64_t
unit_length(const char *name)
{
	size_t		i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(name, units[i].name) == 0)
			return units[i].us;
	}
	return 0;
}

/* Digits up to the first other character; stops growing beyond INT_MAX. */
static int64_t
read_digits(const char **p)
{
	int64_t		value = 0;

	for (; is_digit(**p); (*p)++)
	{
		if (value <= INT_MAX)
			value = value * 10 + (**p - '0');
	}
	return value;
}

/* The digits after the point, as microseconds of the unit, rounded up. */
static int64_t
read_fraction(const char **p, int64_t unit)
{
	int64_t		us = 0;
	bool		rest = false;

	for (; is_digit(**p); (*p)++)
	{
		int64_t		part;

		part = unit / 10 * (**p - '0');
		rest = rest || (part == 0 && **p != '0');
		us += part;
		unit /= 10;
	}
	return us + (rest ? 1 : 0);
}

bool
read_duration(const char *text, int *ms)
{
	const char *p = text;
	const char *fraction = NULL;
	int64_t		whole;
	int64_t		unit;
	int64_t		us;

	if (!is_digit(*p))
		return false;
	whole = read_digits(&p);
	if (*p == '.')
	{
		fraction = ++p;
		if (!is_digit(*p))
			return false;
		(void) read_digits(&p);
	}
	unit = unit_length(p);
	if (unit == 0)
		return false;

	us = whole >= INT64_MAX / unit ? INT64_MAX / 2 : whole * unit;
	if (fraction)
		us += read_fraction(&fraction, unit);
	us = (us + 999) / 1000;
	*ms = us > INT_MAX ? INT_MAX : (int) us;
	return true;
}

bool
read_number(const char *text, int low, int high, int *number)
{
	const char *p = text;
	int64_t		value;

	if (!is_digit(*p))
		return false;
	value = read_digits(&p);
	if (*p != '\0' || value < low || value > high)
		return false;
	*number = (int) value;
	return true;
}

/*
 * How many bytes the UTF-8 character at p has, 0 if it is not one: too long
 * for its value, a surrogate, or beyond U+10FFFF.
 */
static int
utf8_length(const unsigned char *p)
{
	int			length;
	int			i;
	uint32_t	value;

	if (p[0] < 0x80)
		return 1;
	length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	value = p[0] & (0xff >> (length + 1));
	for (i = 1; i < length; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if ((length == 3 && value < 0x800) || (length == 4 && value < 0x10000) ||
		(value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
		return 0;
	return length;
}

const char *
name_defect(const char *name)
{
	const unsigned char *p = (const unsigned char *) name;

	if (*p == '\0')
		return "the name of a lock must not be empty";
	if (strlen(name) > MAX_NAME_BYTES)
		return "the name of a lock must not be longer than 1024 bytes";
	while (*p)
	{
		int			length = utf8_length(p);

		if (length == 0)
			return "the name of a lock must be valid UTF-8";
		p += length;
	}
	return NULL;
}
