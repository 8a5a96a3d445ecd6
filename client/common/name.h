/*-------------------------------------------------------------------------
 *
 * name.h
 *	  What can be the name of a lock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_NAME_H
#define ADVLOCK_NAME_H

#include <stdbool.h>
#include <stdint.h>

/* The longest name, in bytes of UTF-8. */
#define ADVL_MAX_NAME 1024

/*
 * How many bytes the UTF-8 character at p has, and which it is; 0 if there is
 * none: too long for its value, a surrogate, or beyond U+10FFFF.
 */
extern int	advl_utf8_character(const char *p, uint32_t *code);

extern bool advl_is_ascii(const char *text);

/* Why it cannot be a name of a lock, a static phrase; NULL if it can. */
extern const char *advl_name_defect(const char *name);

#endif							/* ADVLOCK_NAME_H */
