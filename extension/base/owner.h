/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  Statements with the rights of the extension's owner.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef OWNER_H
#define OWNER_H

#include "executor/spi.h"

#include "base/key.h"
#include "base/member.h"

#define MAX_OWNER_ARGS 10

/* Parameters that say which lock: INT4OID three times, and TEXTOID for its name */
#define KEY_PARAMS(lock) \
	Int32GetDatum((lock)->id.key.key1), Int32GetDatum((lock)->id.key.key2), \
	Int32GetDatum((lock)->id.key.kind)
#define LOCK_PARAMS(lock) \
	KEY_PARAMS(lock), \
	((lock)->name ? CStringGetTextDatum((lock)->name) : NULL_TEXT)
#define NULL_TEXT ((Datum) 0)

/* A statement on a relation of the extension's; static, and planned once */
typedef struct OwnerQuery
{
	Member		member;
	const char *text;
	int			expected;		/* what SPI says when it has succeeded */
	int			nargs;
	Oid			types[MAX_OWNER_ARGS];
	SPIPlanPtr	plan;			/* NULL before its first use in the session */
} OwnerQuery;

extern void execute_as_owner(OwnerQuery *query, Datum *params);

#endif							/* OWNER_H */
