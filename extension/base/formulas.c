/*-------------------------------------------------------------------------
 *
 * formulas.c
 *	  The keys that other programs lock by.
 *
 * Migration tools and the like make a key of a constant, of the name of the
 * database or of that of a schema, each in its own way; where each way was
 * read is in doc/keys-of-other-tools.md.  A wrong guess would be worse than
 * none: only default table names are tried, and a name that the tool and the
 * server might read as different characters has no key.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/pg_crc.h"

#include "base/formulas.h"

/* Tools with one key, whatever the database */
static const struct
{
	const char *tool;
	int64		key;
}			constants[] =
{
	{"Prisma Migrate", 72707369},
	{"goose", INT64CONST(4097083626)},
	{"node-pg-migrate", INT64CONST(7241865325823964)},
	{"Kysely", INT64CONST(3853314791062309107)},
	{"Atlas", INT64CONST(2686470616)},	/* FNV-32 of "atlas_migrate_execute" */
	{"tern", INT64CONST(9628173550095224)},
	{"sqitch", 75474063},
	{"pgBackRest", INT64CONST(12340078987004321)},
	{"DBOS", 1234567890},
};

/* Numbers out of the tools' sources */
#define RAILS_SALT INT64CONST(2053462845)
#define SQLX_SALT INT64CONST(0x3d32ad9e)
#define GOLANG_MIGRATE_SALT UINT64CONST(1486364155)
#define FLYWAY_SALT INT64CONST(77431708279161)
#define REPACK_KEY1 16185446

/* The CRC-32 of zlib. */
static uint32
crc32_of(const char *bytes, int length)
{
	pg_crc32	crc;

	INIT_TRADITIONAL_CRC32(crc);
	COMP_TRADITIONAL_CRC32(crc, bytes, length);
	FIN_TRADITIONAL_CRC32(crc);
	return crc;
}

/* String.hashCode() of Java, over UTF-16 code units, for valid UTF-8. */
static int32
java_hash(const char *utf8)
{
	const unsigned char *p = (const unsigned char *) utf8;
	uint32		hash = 0;

	for (; *p != '\0'; p += pg_utf_mblen(p))
	{
		pg_wchar	c = utf8_to_unicode(p);

		if (c < 0x10000)
			hash = hash * 31 + c;
		else
			hash = (hash * 31 + 0xD800 + ((c - 0x10000) >> 10)) * 31 +
				0xDC00 + ((c - 0x10000) & 0x3FF);
	}
	return (int32) hash;
}

/* What hashtext() makes of a text in ASCII. */
static int32
text_hash(const char *ascii)
{
	return (int32) hash_bytes((const unsigned char *) ascii, strlen(ascii));
}

/*
 * Is a name the same bytes for the tool, which has it in Unicode, as in our
 * catalogs?  Those of databases are not always in this database's encoding.
 */
static bool
is_plain(const char *name)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return pg_verify_mbstr(PG_UTF8, name, strlen(name), true);
	for (; *name != '\0'; name++)
	{
		if (IS_HIGHBIT_SET(*name))
			return false;
	}
	return true;
}

static void
visit_bigint(const char *tool, int64 number, Oid schema, KnownKeyVisitor visit, void *arg)
{
	KnownKey	known = {.key = key_of_bigint(number), .tool = tool, .schema = schema};

	visit(&known, arg);
}

/* Visit the keys that depend on no schema: those of the database of that name. */
void
visit_database_keys(const char *database, KnownKeyVisitor visit, void *arg)
{
	int64		crc = crc32_of(database, strlen(database));

	for (size_t i = 0; i < lengthof(constants); i++)
		visit_bigint(constants[i].tool, constants[i].key, InvalidOid, visit, arg);
	visit_bigint("pg_partman", text_hash("pg_partman run_maintenance"), InvalidOid, visit, arg);
	if (!is_plain(database))
		return;
	visit_bigint("Rails migrations", RAILS_SALT * crc, InvalidOid, visit, arg);
	visit_bigint("sqlx migrate", SQLX_SALT * crc, InvalidOid, visit, arg);
}

/* The schema, the default table and the database, with NULs between them. */
static int64
golang_migrate_key(const char *schema, const char *database)
{
	StringInfoData text;
	uint32		crc;

	initStringInfo(&text);
	appendStringInfo(&text, "%s%cschema_migrations%c%s", schema, '\0', '\0', database);
	crc = crc32_of(text.data, text.len);
	pfree(text.data);
	return (uint32) (crc * GOLANG_MIGRATE_SALT);
}

/* The default table as an identifier, always in quotes. */
static int64
flyway_key(const char *schema)
{
	char	   *table = psprintf("\"%s\".\"flyway_schema_history\"", schema);
	int64		key = FLYWAY_SALT + java_hash(table);

	pfree(table);
	return key;
}

/* Visit the keys of a schema; quotes in its name would be in doubt. */
void
visit_schema_keys(Oid schema, const char *name, const char *database,
				  KnownKeyVisitor visit, void *arg)
{
	KnownKey	liquibase = {.tool = "liquibase-sessionlock", .schema = schema};

	if (!is_plain(name) || strchr(name, '"') != NULL)
		return;
	liquibase.key = (LockKey) {java_hash("databasechangeloglock"), java_hash(name), KEY_PAIR};
	visit(&liquibase, arg);
	visit_bigint("Flyway", flyway_key(name), schema, visit, arg);
	if (is_plain(database))
		visit_bigint("golang-migrate", golang_migrate_key(name, database), schema, visit, arg);
}

/*
 * Is it the key by which pg_repack locks the table *table, if that exists?
 */
bool
is_repack_key(LockKey key, Oid *table)
{
	if (key.kind != KEY_PAIR || key.key1 != REPACK_KEY1)
		return false;
	*table = (Oid) ((uint32) key.key2 + 0x80000000U);
	return true;
}
