/*-------------------------------------------------------------------------
 *
 * keys.h
 *	  The keys of names, in SQL, for servers without the extension.
 *
 * The same scheme as the extension's: SHA-256 of the name's UTF-8 bytes; the
 * first eight of them, as two little-endian integers.  Operators and
 * functions are qualified, so that no search_path can change the meaning.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_KEYS_H
#define ADVLOCK_KEYS_H

#define ADVL_BYTE(n, shift) \
	"(pg_catalog.get_byte(s.digest, " #n ") OPERATOR(pg_catalog.<<) " #shift ")"
#define ADVL_OR " OPERATOR(pg_catalog.|) "
#define ADVL_EQ " OPERATOR(pg_catalog.=) "

/* A FROM item k(key1, key2) for an SQL expression of type text. */
#define ADVL_KEYS(name) \
	"LATERAL (SELECT " \
	ADVL_BYTE(0, 0) ADVL_OR ADVL_BYTE(1, 8) ADVL_OR \
	ADVL_BYTE(2, 16) ADVL_OR ADVL_BYTE(3, 24) ", " \
	ADVL_BYTE(4, 0) ADVL_OR ADVL_BYTE(5, 8) ADVL_OR \
	ADVL_BYTE(6, 16) ADVL_OR ADVL_BYTE(7, 24) \
	" FROM (SELECT pg_catalog.sha256(pg_catalog.convert_to(" name ", 'UTF8')))" \
	" AS s(digest)) AS k(key1, key2)"

/* Does this session hold k in that mode, an SQL expression? */
#define ADVL_HOLDS(mode) \
	"EXISTS (SELECT 1 FROM pg_catalog.pg_locks p" \
	" WHERE p.locktype" ADVL_EQ "'advisory' AND p.objsubid" ADVL_EQ "2" \
	" AND p.classid" ADVL_EQ "k.key1::pg_catalog.oid" \
	" AND p.objid" ADVL_EQ "k.key2::pg_catalog.oid" \
	" AND p.database" ADVL_EQ "(SELECT d.oid FROM pg_catalog.pg_database d" \
	" WHERE d.datname" ADVL_EQ "pg_catalog.current_database())" \
	" AND p.pid" ADVL_EQ "pg_catalog.pg_backend_pid()" \
	" AND p.granted AND p.mode" ADVL_EQ mode ")"

#endif							/* ADVLOCK_KEYS_H */
