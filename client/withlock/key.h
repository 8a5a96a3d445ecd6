/*-------------------------------------------------------------------------
 *
 * key.h
 *	  The lock of --key: a number, two, or the name of a tool.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_KEY_H
#define WITHLOCK_KEY_H

#include "withlock/withlock.h"

/* A key as parameters of a query: both halves in one number, and its space. */
typedef struct KeyParameters
{
	char		key[24];
	char		space[2];		/* 1: one bigint, 2: two integers, 0: none */
} KeyParameters;

/*
 * Read "N" or "N,M" into text, as advlock_key() writes it; "" for what can be
 * the name of a tool.  False if it is neither.
 */
extern bool key_read(const char *word, char *text);

/* Is the key that of a tool, for the server to know? */
extern bool key_is_of_tool(const Options *options);

/*
 * What messages call the lock: "72707369 (Prisma Migrate)".  The tool may be
 * NULL.  To be freed; NULL if memory ran out.
 */
extern char *key_title(const Options *options, const char *tool);

/* Only once it is known. */
extern void key_parameters(const Options *options, KeyParameters *parameters);

#endif							/* WITHLOCK_KEY_H */
