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
