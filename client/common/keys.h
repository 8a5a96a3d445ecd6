/*-------------------------------------------------------------------------
 *
 * keys.h
 *	  SQL that the library and the command both need.
 *
 * Whose code a statement runs must not depend on anybody's search_path: every
 * function, operator and type is named with its schema.  What the grammar
 * makes of a word (COALESCE, CASE WHEN, EXISTS, IS NULL) needs none, what it
 * looks an operator up for (=, LIKE, IN, BETWEEN, CASE x WHEN, comparisons
 * of rows, USING of a join) is written with OPERATOR().
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_KEYS_H
#define ADVLOCK_KEYS_H

#define ADVL_OP(op) " OPERATOR(pg_catalog." op ") "
#define ADVL_EQ ADVL_OP("=")
#define ADVL_OR ADVL_OP("|")

/* === Keys === */

#define ADVL_BYTE(n, shift) \
	"(pg_catalog.get_byte(s.digest, " #n ")" ADVL_OP("<<") #shift ")"

/*
 * A FROM item k(key1, key2, space) for an SQL expression of type text.  The
 * same scheme as the extension's: SHA-256 of the name's UTF-8 bytes; the first
 * eight of them, as two little-endian integers.  The space of keys is what
 * pg_locks calls objsubid: 1 for one bigint, 2 for two integers.
 */
#define ADVL_KEYS(name) \
	"LATERAL (SELECT " \
	ADVL_BYTE(0, 0) ADVL_OR ADVL_BYTE(1, 8) ADVL_OR \
	ADVL_BYTE(2, 16) ADVL_OR ADVL_BYTE(3, 24) ", " \
	ADVL_BYTE(4, 0) ADVL_OR ADVL_BYTE(5, 8) ADVL_OR \
	ADVL_BYTE(6, 16) ADVL_OR ADVL_BYTE(7, 24) ", 2" \
	" FROM (SELECT pg_catalog.sha256(pg_catalog.convert_to(" name ", 'UTF8')))" \
	" AS s(digest)) AS k(key1, key2, space)"

/* Both halves of an SQL expression of type int8, as int4. */
#define ADVL_HIGH(key) \
	"CAST(CAST(" key ADVL_OP(">>") "32 AS pg_catalog.bit(32)) AS pg_catalog.int4)"
#define ADVL_LOW(key) \
	"CAST(CAST(" key " AS pg_catalog.bit(32)) AS pg_catalog.int4)"

/* === Permits === */

/* Permit i of a name is the lock "name#i", the queue for them "name#queue". */
#define ADVL_PERMIT "#"
#define ADVL_QUEUE "#queue"

#define ADVL_PERMIT_NAME(name, i) "pg_catalog.concat(" name ", '" ADVL_PERMIT "', " i ")"
#define ADVL_QUEUE_NAME(name) "pg_catalog.concat(" name ", '" ADVL_QUEUE "')"

/* === What is held === */

/* The two integers, which pg_locks shows without their sign. */
#define ADVL_LOCK_KEY1 "CAST(CAST(CAST(p.classid AS pg_catalog.int8) AS pg_catalog.bit(32)) AS pg_catalog.int4)"
#define ADVL_LOCK_KEY2 "CAST(CAST(CAST(p.objid AS pg_catalog.int8) AS pg_catalog.bit(32)) AS pg_catalog.int4)"

/*
 * Does this session hold k in that mode, an SQL expression?  All of its
 * advisory locks are of its own database.
 */
#define ADVL_HOLDS(mode) \
	"EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS p" \
	" WHERE p.locktype" ADVL_EQ "'advisory' AND p.objsubid" ADVL_EQ "k.space" \
	" AND p.classid" ADVL_EQ "CAST(k.key1 AS pg_catalog.oid)" \
	" AND p.objid" ADVL_EQ "CAST(k.key2 AS pg_catalog.oid)" \
	" AND p.pid" ADVL_EQ "pg_catalog.pg_backend_pid()" \
	" AND p.granted AND p.mode" ADVL_EQ mode ")"

/*
 * A FROM item with the columns of the view advisory_lock.locks, for servers
 * without the extension: what is known of the locks of this database.
 */
#define ADVL_LOCKS \
	"(SELECT CAST(NULL AS pg_catalog.text) AS name," \
	" CASE WHEN p.mode" ADVL_EQ "'ExclusiveLock' THEN 'exclusive' ELSE 'shared' END AS mode," \
	" p.granted, p.pid, a.usename, a.application_name, a.client_addr," \
	" CAST(NULL AS pg_catalog.timestamptz) AS acquired_at, p.waitstart AS waiting_since," \
	" CAST(NULL AS pg_catalog.int8) AS token," \
	" CASE WHEN NOT p.granted THEN pg_catalog.pg_blocking_pids(p.pid) END AS blocked_by, " \
	"CASE WHEN p.objsubid" ADVL_EQ "2 THEN " ADVL_LOCK_KEY1 " END AS key1," \
	" CASE WHEN p.objsubid" ADVL_EQ "2 THEN " ADVL_LOCK_KEY2 " END AS key2," \
	" CAST(NULL AS pg_catalog.timestamptz) AS delayed_until," \
	" CASE WHEN p.objsubid" ADVL_EQ "1 THEN CAST(p.classid AS pg_catalog.int8)" \
	ADVL_OP("<<") "32" ADVL_OP("|") "CAST(p.objid AS pg_catalog.int8) END AS key," \
	" CAST(NULL AS pg_catalog.text) AS tool, CAST(NULL AS pg_catalog.text) AS held_by," \
	" CAST(NULL AS pg_catalog.timestamptz) AS expires_at" \
	" FROM pg_catalog.pg_locks AS p LEFT JOIN pg_catalog.pg_stat_activity AS a" \
	" ON a.pid" ADVL_EQ "p.pid" \
	" WHERE p.locktype" ADVL_EQ "'advisory'" \
	" AND (p.objsubid" ADVL_EQ "1 OR p.objsubid" ADVL_EQ "2) AND p.database" ADVL_EQ \
	"(SELECT d.oid FROM pg_catalog.pg_database AS d" \
	" WHERE d.datname" ADVL_EQ "pg_catalog.current_database()))"

/* === The extension === */

/* Of the type with which it will be compared, else the parser tries all operators. */
#define ADVL_OID_OF(catalog) \
	"CAST(CAST('pg_catalog." catalog "' AS pg_catalog.regclass) AS pg_catalog.oid)"

/*
 * Is the extension there?  A schema of its name can be anybody's; the
 * extension's own is a member of it, and nobody but a superuser makes or
 * renames that.
 */
#define ADVL_HAS_EXTENSION \
	"EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d" \
	" WHERE d.classid" ADVL_EQ ADVL_OID_OF("pg_namespace") \
	" AND d.objid" ADVL_EQ "CAST(pg_catalog.to_regnamespace('advisory_lock') AS pg_catalog.oid)" \
	" AND d.refclassid" ADVL_EQ ADVL_OID_OF("pg_extension") \
	" AND d.refobjid" ADVL_EQ "(SELECT e.oid FROM pg_catalog.pg_extension AS e" \
	" WHERE e.extname" ADVL_EQ "'advisory_lock')" \
	" AND d.deptype" ADVL_EQ "'e')"

#endif							/* ADVLOCK_KEYS_H */
