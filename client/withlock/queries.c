/*-------------------------------------------------------------------------
 *
 * queries.c
 *	  The SQL by which withlock looks at locks from outside.
 *
 * The session's search_path is empty, so that nothing but pg_catalog and
 * what is named with its schema can be meant.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/queries.h"

#include "common/text.h"

/* The low 32 bits of a bigint, as a signed integer. */
#define LOW_INT4(value) "(((" value ") << 32) >> 32)::int4"

/* Four bytes of the digest h as a little-endian number. */
#define DIGEST_INT4(b0, b1, b2, b3) \
	LOW_INT4("get_byte(h, " b0 ") + get_byte(h, " b1 ") * 256 + " \
			 "get_byte(h, " b2 ") * 65536 + get_byte(h, " b3 ") * 16777216::int8")

/* What advisory_lock.key() computes, for the column n. */
#define KEY_FUNCTION "advisory_lock.key(n)"
#define KEY_FALLBACK \
	"(SELECT " DIGEST_INT4("0", "1", "2", "3") " AS key1, " \
	DIGEST_INT4("4", "5", "6", "7") " AS key2" \
	" FROM sha256(convert_to(n, 'UTF8')) h)"

/* The view, and what is known of it without the extension. */
#define LOCKS_VIEW "advisory_lock.locks"
#define LOCKS_FALLBACK \
	"(SELECT NULL::text AS name," \
	" CASE l.mode WHEN 'ExclusiveLock' THEN 'exclusive' ELSE 'shared' END AS mode," \
	" l.granted, l.pid, a.usename, a.application_name, a.client_addr," \
	" NULL::timestamptz AS acquired_at, l.waitstart AS waiting_since," \
	" NULL::int8 AS token," \
	" CASE WHEN NOT l.granted THEN pg_blocking_pids(l.pid) END AS blocked_by, " \
	LOW_INT4("l.classid::int8") " AS key1, " LOW_INT4("l.objid::int8") " AS key2," \
	" NULL::timestamptz AS delayed_until" \
	" FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid" \
	" WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.database =" \
	" (SELECT oid FROM pg_database WHERE datname = current_database()))"

#define CLIENT \
	"CASE WHEN l.pid IS NOT NULL THEN coalesce(host(l.client_addr), 'local') END"
#define SINCE "CASE WHEN l.granted THEN l.acquired_at ELSE l.waiting_since END"
#define MS(interval) "(extract(epoch FROM " interval ") * 1000)::int8"
#define MS_SINCE MS("clock_timestamp() - " SINCE)

/* A name kept off after its holder was lost is a row without a process. */
#define IS_DELAY "l.pid IS NULL AND l.delayed_until IS NOT NULL"
#define MS_DELAY MS("l.delayed_until - clock_timestamp()")

/*
 * The permits of a semaphore are locks of their own, and so is its queue,
 * whose holder is the first of those who wait.  More permits than can be
 * looked at with reason are not looked at.
 */
#define EXPANDED_NAMES \
	"(SELECT n, false AS queue FROM unnest($1::text[]) n WHERE $2::int4 = 0" \
	" UNION ALL SELECT n || '#' || i, false FROM unnest($1::text[]) n," \
	" generate_series(1, least($2::int4, 1000)) i" \
	" UNION ALL SELECT n || '#queue', true FROM unnest($1::text[]) n WHERE $2::int4 > 0)"

#define HOLDERS(locks, key) \
	"SELECT l.granted AND NOT e.queue, l.pid, l.usename, l.application_name, " \
	CLIENT ", " MS_SINCE ", " MS_DELAY \
	" FROM " EXPANDED_NAMES " e, LATERAL " key " k, " locks " l" \
	" WHERE l.key1 = k.key1 AND l.key2 = k.key2" \
	" ORDER BY 1 DESC, l.granted DESC, " SINCE ", l.pid"

/* The locks of one name or all, with the name asked for in its place. */
#define SELECTED(locks, key) \
	"(SELECT coalesce(l.name, $1::text) AS name, l.mode, l.granted, l.pid," \
	" l.usename, l.application_name, l.client_addr, l.acquired_at," \
	" l.waiting_since, l.token, l.blocked_by, l.key1, l.key2, l.delayed_until FROM " locks " l" \
	" WHERE $1::text IS NULL OR (l.key1, l.key2) =" \
	" (SELECT k.key1, k.key2 FROM (SELECT $1::text AS n) n, LATERAL " key " k))"

#define ORDER "l.name, l.key1, l.key2, l.granted DESC, " SINCE ", l.pid"

#define LIST(locks, key) \
	"SELECT coalesce(l.name, format('(%s,%s)', l.key1, l.key2)), l.mode," \
	" CASE WHEN " IS_DELAY " THEN 'delayed' WHEN l.granted THEN 'held'" \
	" ELSE 'waiting' END, l.pid, l.usename, l.application_name, " CLIENT "," \
	" CASE WHEN " IS_DELAY " THEN " MS_DELAY " ELSE " MS_SINCE " END, l.token" \
	" FROM " SELECTED(locks, key) " l ORDER BY " ORDER

#define LIST_JSON(locks, key) \
	"SELECT coalesce(json_agg(l ORDER BY " ORDER "), '[]')" \
	" FROM " SELECTED(locks, key) " l"

#define KILL_FUNCTION "SELECT advisory_lock.terminate_holders($1)"
#define KILL_FALLBACK \
	"SELECT count(*) FROM (SELECT DISTINCT l.pid FROM (SELECT $1::text AS n) n," \
	" LATERAL " KEY_FALLBACK " k, " LOCKS_FALLBACK " l WHERE l.granted" \
	" AND l.key1 = k.key1 AND l.key2 = k.key2) h WHERE pg_terminate_backend(h.pid)"

const char *
query_holders(bool extension)
{
	return extension ? HOLDERS(LOCKS_VIEW, KEY_FUNCTION) :
		HOLDERS(LOCKS_FALLBACK, KEY_FALLBACK);
}

const char *
query_list(bool extension)
{
	return extension ? LIST(LOCKS_VIEW, KEY_FUNCTION) :
		LIST(LOCKS_FALLBACK, KEY_FALLBACK);
}

const char *
query_list_json(bool extension)
{
	return extension ? LIST_JSON(LOCKS_VIEW, KEY_FUNCTION) :
		LIST_JSON(LOCKS_FALLBACK, KEY_FALLBACK);
}

const char *
query_kill(bool extension)
{
	return extension ? KILL_FUNCTION : KILL_FALLBACK;
}

char *
query_name_array(const char *const *names, size_t count)
{
	advl_text	array = {0};
	size_t		i;

	for (i = 0; i < count; i++)
		advl_text_append_element(&array, names[i]);
	advl_text_close_array(&array);
	return array.data;
}
