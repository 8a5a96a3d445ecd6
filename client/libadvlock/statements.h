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

/* The rows of advl_arrays; what follows AS names the columns. */
#define ADVL_ROWS \
	"ROWS FROM (pg_catalog.unnest(CAST($1 AS pg_catalog._text))," \
	" pg_catalog.unnest(CAST($2 AS pg_catalog._bool))," \
	" pg_catalog.unnest(CAST($3 AS pg_catalog._int4))," \
	" pg_catalog.unnest(CAST($4 AS pg_catalog._int4))," \
	" pg_catalog.unnest(CAST($5 AS pg_catalog._int8)))"

/* The lock manager's name of the lock or permit in row l. */
#define ADVL_FULL_NAME \
	"CASE WHEN l.permit" ADVL_OP(">") "0 THEN " \
	ADVL_PERMIT_NAME("l.name", "l.permit") " ELSE l.name END"

/*
 * A call of a function of the extension's.  The extension was there when the
 * session began, but who owns it can drop it and put functions of his own in
 * its place, which would do as they like with a superuser's rights.  So a
 * statement of a superuser's asks again before it calls, and fails with
 * undefined_object.
 */
#define ADVL_UNGUARDED(call, type) call
#define ADVL_GUARDED(call, type) \
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
