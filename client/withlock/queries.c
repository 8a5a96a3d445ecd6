/*-------------------------------------------------------------------------
 *
 * queries.c
 *	  The SQL by which withlock looks at locks from outside.
 *
 * As in common/keys.h, nothing depends on the search_path.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/queries.h"

#include "common/keys.h"

/* The key that is asked about, if one is. */
#define KEY "$4::pg_catalog.int8"
#define SPACE "$5::pg_catalog.int4"

/*
 * The permits of a semaphore are locks of their own, and so is its queue,
 * whose holder is the first of those who wait.
 */
#define WANTED \
	"wanted AS (SELECT w.*, k.* FROM (SELECT n.name AS asked, i.permit, CASE" \
	" WHEN i.permit" ADVL_EQ "0 THEN n.name" \
	" WHEN i.permit" ADVL_EQ "-1 THEN " ADVL_QUEUE_NAME("n.name") \
	" ELSE " ADVL_PERMIT_NAME("n.name", "i.permit") " END AS name" \
	" FROM pg_catalog.unnest($1::pg_catalog.text[]) AS n(name)," \
	" (SELECT pg_catalog.generate_series($2::pg_catalog.int4, $3::pg_catalog.int4)" \
	" UNION ALL SELECT -1 WHERE $3::pg_catalog.int4" ADVL_OP(">") "0) AS i(permit)) AS w, " \
	ADVL_KEYS("w.name") \
	" UNION ALL SELECT NULL, 0, NULL, " ADVL_HIGH(KEY) ", " ADVL_LOW(KEY) ", " SPACE \
	" WHERE " SPACE ADVL_OP(">") "0)"

/*
 * The locks that are wanted, or all, each with its place in "wanted".  A
 * subquery, since what is in WITH is read into a table first, with all columns,
 * if it calls volatile functions; and the view does.
 */
#define FOUND(locks) \
	"(SELECT l.*, w.asked, w.permit," \
	" COALESCE(l.name, w.name) AS shown," \
	" l.pid IS NULL AND l.delayed_until IS NOT NULL AS is_delay," \
	" l.granted AND COALESCE(w.permit" ADVL_OP("<>") "-1, pg_catalog.right(l.name, 6)" \
	ADVL_OP("<>") "'" ADVL_QUEUE "', true) AS is_held," \
	" CASE WHEN l.granted THEN l.acquired_at ELSE l.waiting_since END AS since" \
	" FROM " locks " AS l LEFT JOIN wanted AS w" \
	" ON w.key1" ADVL_EQ "COALESCE(l.key1, " ADVL_HIGH("l.key") ")" \
	" AND w.key2" ADVL_EQ "COALESCE(l.key2, " ADVL_LOW("l.key") ")" \
	" AND w.space" ADVL_EQ "CASE WHEN l.key IS NULL THEN 2 ELSE 1 END" \
	" WHERE w.permit IS NOT NULL OR ($1::pg_catalog.text[] IS NULL AND " SPACE ADVL_EQ "0))"

/* The same for WITH: found before anything is done to them. */
#define FOUND_FIRST(locks) "found AS (SELECT f.* FROM " FOUND(locks) " AS f WHERE true)"

/* EXTRACT would count in numeric, which costs more than to find the lock. */
#define MS(interval) \
	"CAST(pg_catalog.date_part('epoch', " interval ")" ADVL_OP("*") "1000 AS pg_catalog.int8)"
#define MS_DELAY MS("COALESCE(f.delayed_until, f.expires_at)" ADVL_OP("-") "pg_catalog.clock_timestamp()")
#define MS_SINCE MS("pg_catalog.clock_timestamp()" ADVL_OP("-") "f.since")

/*
 * What the view shows of a lock, under the name it was asked for by.  It takes
 * as long as all the rest.
 */
#define NO_JSON "NULL"
#define JSON \
	"pg_catalog.json_build_object('name', f.shown, 'mode', f.mode," \
	" 'granted', f.granted, 'pid', f.pid, 'usename', f.usename," \
	" 'application_name', f.application_name, 'client_addr', f.client_addr," \
	" 'acquired_at', f.acquired_at, 'waiting_since', f.waiting_since," \
	" 'token', f.token, 'blocked_by', f.blocked_by, 'key1', f.key1," \
	" 'key2', f.key2, 'delayed_until', f.delayed_until, 'key', f.key," \
	" 'tool', f.tool, 'held_by', f.held_by, 'expires_at', f.expires_at)"

#define LOOK(locks, json) \
	"WITH " WANTED \
	" SELECT f.shown, CASE WHEN f.shown IS NULL OR f.key IS NOT NULL" \
	" THEN pg_catalog.concat(COALESCE(CAST(f.key AS pg_catalog.text)," \
	" pg_catalog.concat(f.key1, ',', f.key2))," \
	" CASE WHEN f.tool IS NOT NULL THEN pg_catalog.concat(' (', f.tool, ')') END) END, f.mode," \
	" CASE WHEN f.is_delay THEN 'delayed' WHEN f.expires_at IS NOT NULL THEN 'leased' WHEN f.is_held THEN 'held' ELSE 'waiting' END," \
	" f.pid, f.usename, COALESCE(f.held_by, f.application_name)," \
	" CASE WHEN f.pid IS NOT NULL THEN COALESCE(pg_catalog.host(f.client_addr), 'local') END," \
	" CASE WHEN f.is_delay THEN " MS_DELAY " ELSE " MS_SINCE " END," \
	" f.token, f.asked, f.permit, " MS_DELAY ", " json \
	" FROM " FOUND(locks) " AS f ORDER BY "

/* By the name of the pool, and there #2 before #10. */
#define BY_NAME \
	"CASE WHEN pg_catalog.strpos(f.shown, '" ADVL_PERMIT "')" ADVL_EQ "0 THEN f.shown" \
	" ELSE pg_catalog.regexp_replace(f.shown, '#([0-9]+|queue)$', '') END," \
	" pg_catalog.length(f.shown), f.shown, f.key1, f.key2, f.key, f.granted DESC, f.since, f.pid"
#define BY_TIME "f.is_held DESC, f.granted DESC, f.since, f.pid"

/*
 * The extension's function knows the rules; it is called for each permit that
 * is held, and for the name in any case: what else keeps others off is its to
 * know.
 */
#define KILL_BY_FUNCTION \
	"WITH " WANTED ", " FOUND_FIRST("advisory_lock.locks") \
	" SELECT CASE WHEN " SPACE ADVL_EQ "1 THEN advisory_lock.terminate_holders(" KEY ")" \
	" WHEN " SPACE ADVL_EQ "2 THEN advisory_lock.terminate_holders(" ADVL_HIGH(KEY) ", " ADVL_LOW(KEY) ")" \
	" ELSE (SELECT COALESCE(pg_catalog.sum(advisory_lock.terminate_holders(h.name)), 0)" \
	" FROM (SELECT w.name FROM wanted AS w WHERE w.permit" ADVL_EQ "0" \
	" UNION SELECT w.name FROM wanted AS w, found AS f" \
	" WHERE w.permit" ADVL_OP(">") "0 AND w.permit" ADVL_EQ "f.permit" \
	" AND w.asked" ADVL_EQ "f.asked AND f.granted) h) END"
#define KILL_BY_PID \
	"WITH " WANTED ", " FOUND_FIRST(ADVL_LOCKS) \
	" SELECT pg_catalog.count(*) FROM (SELECT DISTINCT f.pid FROM found AS f" \
	" WHERE f.is_held) AS h WHERE pg_catalog.pg_terminate_backend(h.pid)"

const char	query_assert_extension[] =
"SELECT 1" ADVL_OP("/") "CAST(" ADVL_HAS_EXTENSION " AS pg_catalog.int4)";

const char	query_settings[] =
"SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, true))"
" FROM (VALUES ('transaction_read_only', $1::pg_catalog.text), ('search_path', ''),"
" ('statement_timeout', $2::pg_catalog.text), ('lock_timeout', $2::pg_catalog.text)"
") AS s(name, value) WHERE s.value IS NOT NULL";

/*
 * A tool is called by its name or the first word of it.  Where there is none
 * of that name, those there are.
 */
const char	query_tool_keys[] =
"WITH t AS (SELECT k.tool, k.schema_name, COALESCE(CAST(k.key AS pg_catalog.text),"
" pg_catalog.concat(k.key1, ',', k.key2)) AS key, pg_catalog.lower($1::pg_catalog.text)"
ADVL_EQ "ANY (ARRAY[pg_catalog.lower(k.tool),"
" pg_catalog.lower(pg_catalog.regexp_replace(k.tool, '[ -].*', ''))]) AS matches"
" FROM advisory_lock.known_keys k)"
" SELECT t.tool, t.key, pg_catalog.string_agg(CAST(t.schema_name AS pg_catalog.text), ', ')"
" FROM t WHERE t.matches GROUP BY t.tool, t.key"
" UNION ALL SELECT t.tool, NULL, NULL FROM t"
" WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.matches) GROUP BY t.tool ORDER BY 1, 2";

const char	query_tool_of_key[] =
"SELECT CASE WHEN $2::pg_catalog.int4" ADVL_EQ "1 THEN advisory_lock.tool($1::pg_catalog.int8)"
" ELSE advisory_lock.tool(" ADVL_HIGH("$1::pg_catalog.int8") ", " ADVL_LOW("$1::pg_catalog.int8") ") END";

const char *
query_list(bool extension)
{
	return extension ? LOOK("advisory_lock.locks", NO_JSON) BY_NAME : LOOK(ADVL_LOCKS, NO_JSON) BY_NAME;
}

const char *
query_list_json(bool extension)
{
	return extension ? LOOK("advisory_lock.locks", JSON) BY_NAME : LOOK(ADVL_LOCKS, JSON) BY_NAME;
}

const char *
query_holders(bool extension)
{
	return extension ? LOOK("advisory_lock.locks", NO_JSON) BY_TIME : LOOK(ADVL_LOCKS, NO_JSON) BY_TIME;
}

const char *
query_holders_json(bool extension)
{
	return extension ? LOOK("advisory_lock.locks", JSON) BY_TIME : LOOK(ADVL_LOCKS, JSON) BY_TIME;
}

const char *
query_uptime(bool extension)
{
	(void) extension;
	return "WITH " WANTED " SELECT " MS("pg_catalog.clock_timestamp()" ADVL_OP("-")
		"pg_catalog.pg_postmaster_start_time()");
}

const char *
query_kill(bool extension)
{
	return extension ? KILL_BY_FUNCTION : KILL_BY_PID;
}
