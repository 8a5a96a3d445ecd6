/*-------------------------------------------------------------------------
 *
 * statements.h
 *	  Parts of the SQL of libadvlock.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_STATEMENTS_H
#define ADVLOCK_STATEMENTS_H

#include "common/keys.h"

#define ADVL_NAME "CAST($1 AS pg_catalog.text)"
#define ADVL_TOKEN "CAST($2 AS pg_catalog.int8)"

/*
 * A lock that has no name is sent as one number: its bigint, or its two
 * integers as the halves of one.  These make arguments of a function of an
 * SQL expression of type text.
 */
#define ADVL_BIGINT_ARG(text) "CAST(" text " AS pg_catalog.int8)"
#define ADVL_PAIR_ARGS(text) \
	ADVL_HIGH(ADVL_BIGINT_ARG(text)) ", " ADVL_LOW(ADVL_BIGINT_ARG(text))

/* For each kind of lock, what the macro makes of the arguments that say which. */
#define ADVL_EACH_ARGUMENT(statement) \
	{ \
		statement(ADVL_NAME), \
		statement(ADVL_BIGINT_ARG(ADVL_NAME)), \
		statement(ADVL_PAIR_ARGS(ADVL_NAME)) \
	}

/* A FROM item k like that of ADVL_KEYS, for such a text in that key space. */
#define ADVL_KEY(text, space) \
	"LATERAL (SELECT " ADVL_PAIR_ARGS(text) ", " #space ") AS k(key1, key2, space)"

/* For each kind of lock, what the macro makes of a FROM item with its keys. */
#define ADVL_EACH_KIND(of_keys) \
	{ \
		of_keys(ADVL_KEYS(ADVL_NAME)), \
		of_keys(ADVL_KEY(ADVL_NAME, 1)), \
		of_keys(ADVL_KEY(ADVL_NAME, 2)) \
	}

/* The same for taking a lock by a function of core's. */
#define ADVL_TAKE(function) \
	{ \
		"SELECT pg_catalog." function "(k.key1, k.key2) FROM " ADVL_KEYS(ADVL_NAME), \
		"SELECT pg_catalog." function "(" ADVL_BIGINT_ARG(ADVL_NAME) ")", \
		"SELECT pg_catalog." function "(" ADVL_PAIR_ARGS(ADVL_NAME) ")" \
	}

/* The rows of advl_arrays; what follows AS names the columns. */
#define ADVL_ROWS \
	"ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog._text))," \
	" pg_catalog.unnest(CAST($2 AS pg_catalog._bool))," \
	" pg_catalog.unnest(CAST($3 AS pg_catalog._int4))," \
	" pg_catalog.unnest(CAST($4 AS pg_catalog._int4))," \
	" pg_catalog.unnest(CAST($5 AS pg_catalog._int8))," \
	" pg_catalog.unnest(CAST($6 AS pg_catalog._int4)))"
#define ADVL_COLUMNS "name, shared, permit, count, token, kind"

/* Has row l a name, or is it of that kind?  See advl_kind. */
#define ADVL_HAS_NAME "l.kind" ADVL_EQ "0"
#define ADVL_IS_BIGINT "l.kind" ADVL_EQ "1"
#define ADVL_IS_PAIR "l.kind" ADVL_EQ "2"

/* The lock manager's name of the lock or permit in row l. */
#define ADVL_FULL_NAME \
	"CASE WHEN l.permit" ADVL_OP(">") "0 THEN " \
	ADVL_PERMIT_NAME("l.name", "l.permit") " ELSE l.name END"

/* A FROM item k(key1, key2, space) for row l, whose name, if any, is this. */
#define ADVL_ROW_KEYS(name) \
	"LATERAL (SELECT " \
	"CASE WHEN " ADVL_HAS_NAME " THEN k.key1 ELSE " ADVL_HIGH(ADVL_BIGINT_ARG("l.name")) " END, " \
	"CASE WHEN " ADVL_HAS_NAME " THEN k.key2 ELSE " ADVL_LOW(ADVL_BIGINT_ARG("l.name")) " END, " \
	"CASE WHEN " ADVL_IS_BIGINT " THEN 1 ELSE 2 END" \
	" FROM " ADVL_KEYS(name) ") AS k(key1, key2, space)"

/* A call of a function of the extension's for one lock, by row l's kind. */
#define ADVL_ROW_CALL(function, name) \
	"CASE WHEN " ADVL_IS_BIGINT " THEN advisory_lock." function "(" ADVL_BIGINT_ARG("l.name") ")" \
	" WHEN " ADVL_IS_PAIR " THEN advisory_lock." function "(" ADVL_PAIR_ARGS("l.name") ")" \
	" ELSE advisory_lock." function "(" name ") END"

/*
 * A call of a function of the extension's.  The extension was there when the
 * session began, but who owns it can drop it and put functions of his own in
 * its place, which would do as they like with the rights of the caller: with
 * those of his session, whatever role he has set.  So every statement asks again
 * before it calls, and fails with undefined_object.
 */
#define ADVL_CALL(call, type) \
	"CASE WHEN " ADVL_HAS_EXTENSION " THEN " call \
	" ELSE CAST(" ADVL_IS_GONE " AS pg_catalog." type ") END"
#define ADVL_IS_GONE \
	"pg_catalog.current_setting('the extension advisory_lock is not there any more')"

/*
 * Does the condition hold?  For where the grammar takes no subquery, or where
 * a name may be missing: of core's functions that run a query given as text
 * this is the one that every server has, whatever it was built with.
 */
#define ADVL_ASK(condition) \
	"(pg_catalog.ts_rewrite(CAST('no' AS pg_catalog.tsquery)," \
	" $ask$SELECT CAST('no' AS pg_catalog.tsquery), CAST('yes' AS pg_catalog.tsquery)" \
	" WHERE " condition "$ask$)" ADVL_EQ "CAST('yes' AS pg_catalog.tsquery))"

#endif							/* ADVLOCK_STATEMENTS_H */
