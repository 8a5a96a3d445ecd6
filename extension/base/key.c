/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Names, their keys, and the lock tag.
 *
 * The key of a name is the beginning of the SHA-256 of its UTF-8 bytes: bytes
 * 0-3 and 4-7, each read as a little-endian signed integer.  That is the
 * scheme of the npm package "advisory-lock", whose processes and ours must
 * exclude each other.  It is frozen: any change would let two versions of
 * this extension hold one name at once.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/key.h"
#include "base/known.h"
#include "base/sha256.h"

/* How much of an overlong name an error message shows */
#define SHOWN_NAME_BYTES 64

/*
 * The names live in the key space of pg_advisory_lock(int4, int4), on purpose:
 * see the head of this file.  Core's layout for its two key spaces is
 *
 *	field1: database			locks of different databases are different
 *	field2: key1				first int4, or the upper half of an int8
 *	field3: key2				second int4, or the lower half
 *	field4: kind				2 for two int4 keys, 1 for one int8 key
 *
 * Nothing else in this extension builds a tag or looks into its fields.
 */
void
set_lock_tag(LOCKTAG *tag, Oid database, LockKey key)
{
	SET_LOCKTAG_ADVISORY(*tag, database, key.key1, key.key2, key.kind);
}

/* The same backwards; false if the tag is not one of these. */
bool
lock_tag_key(const LOCKTAG *tag, Oid *database, LockKey *key)
{
	if (tag->locktag_type != LOCKTAG_ADVISORY ||
		(tag->locktag_field4 != KEY_PAIR && tag->locktag_field4 != KEY_BIGINT))
		return false;
	*database = tag->locktag_field1;
	*key = (LockKey) {(int32) tag->locktag_field2, (int32) tag->locktag_field3, tag->locktag_field4};
	return true;
}

static int32
read_little_endian(const uint8 *bytes)
{
	return (int32) ((uint32) bytes[0] | (uint32) bytes[1] << 8 |
					(uint32) bytes[2] << 16 | (uint32) bytes[3] << 24);
}

/* The identity of a name in UTF-8. */
static NameId
identify(const char *utf8, int length)
{
	uint8		digest[SHA256_BYTES];
	NameId		id;

	sha256((const uint8 *) utf8, length, digest);
	id.database = MyDatabaseId;
	id.key.key1 = read_little_endian(digest);
	id.key.key2 = read_little_endian(digest + 4);
	id.key.kind = KEY_PAIR;
	memcpy(id.more, digest + 8, sizeof(id.more));
	return id;
}

static void
check_name_length(const char *name, int len, int utf8_len)
{
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("advisory lock name must not be empty"),
				 errhint("Pass a name of 1 to %d bytes.", MAX_NAME_BYTES)));
	if (utf8_len > MAX_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("advisory lock name \"%.*s...\" is too long",
						pg_mbcliplen(name, len, SHOWN_NAME_BYTES), name),
				 errdetail("The name has %d bytes in UTF-8, the limit is %d bytes.",
						   utf8_len, MAX_NAME_BYTES),
				 errhint("Shorten the name, or use a hash of it as the name.")));
}

/*
 * SQL_ASCII stores bytes of no known encoding, so that one word sent by two
 * clients could have two keys.
 */
static void
check_name_encoding(const char *name, int len)
{
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		return;
	for (int i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(name[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("advisory lock name \"%.*s\" is not plain ASCII",
							Min(len, SHOWN_NAME_BYTES), name),
					 errdetail("In a database with encoding SQL_ASCII the characters of the name are not known."),
					 errhint("Use 7-bit names, or a database with encoding UTF8.")));
	}
}

/* Fill lock from its name, which was not known, and is from now on. */
static void
init_unknown(NamedLock *lock, const char *name, int length, const char *utf8, int utf8_length)
{
	lock->id = identify(utf8, utf8_length);
	set_lock_tag(&lock->tag, MyDatabaseId, lock->id.key);
	lock->hints = remember_name(name, length, lock);
}

/*
 * Fill lock from a name of the extension's own making, which may exceed the
 * limit by a suffix.  The name is kept by reference.
 */
void
named_lock_init(NamedLock *lock, const char *name)
{
	int			length = strlen(name);
	const NamedLock *known = find_known_name(name, length);

	if (known)
	{
		*lock = *known;
		lock->name = name;
	}
	else
	{
		char	   *utf8 = pg_server_to_any(name, length, PG_UTF8);

		lock->name = name;
		init_unknown(lock, name, length, utf8, strlen(utf8));
		if (utf8 != name)
			pfree(utf8);		/* pools ask for many names */
	}
}

/* Fill lock from a user's name that is not known, or raise an error. */
static void
init_checked(NamedLock *lock, const text *name)
{
	char	   *copy = text_to_cstring(name);
	int			length = strlen(copy);
	char	   *utf8;
	int			utf8_length;

	check_name_encoding(copy, length);
	utf8 = pg_server_to_any(copy, length, PG_UTF8);
	utf8_length = strlen(utf8);
	check_name_length(copy, length, utf8_length);
	lock->name = copy;
	init_unknown(lock, copy, length, utf8, utf8_length);
}

static pg_noinline void
find_or_init(NamedLock *lock, const text *name)
{
	const NamedLock *known = find_known_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	if (known)
		*lock = *known;
	else
		init_checked(lock, name);
}

/*
 * Fill lock from a user's name, or raise an error that says what is wrong.
 * Its name is good until the next name is looked up: for who has only one.
 */
void
named_lock_init_brief(NamedLock *lock, const text *name)
{
	int			length = VARSIZE_ANY_EXHDR(name);

	if (length != 0 && is_known_name(known_last, VARDATA_ANY(name), length))
		*lock = known_last->lock;
	else
		find_or_init(lock, name);
}

/* The same, but its name is palloc'd. */
void
named_lock_init_text(NamedLock *lock, const text *name)
{
	named_lock_init_brief(lock, name);
	lock->name = pstrdup(lock->name);
}

/* Fill lock from a key for which there is no name. */
void
named_lock_init_key(NamedLock *lock, LockKey key)
{
	*lock = (NamedLock) {.id = {.database = MyDatabaseId, .key = key}};
	set_lock_tag(&lock->tag, MyDatabaseId, key);
}

/* The key that pg_advisory_lock(int8) makes of a number. */
LockKey
key_of_bigint(int64 number)
{
	return (LockKey) {(int32) (number >> 32), (int32) number, KEY_BIGINT};
}

/* The same backwards. */
int64
bigint_of_key(LockKey key)
{
	return (int64) ((uint64) (uint32) key.key1 << 32 | (uint32) key.key2);
}

/* The order in which several locks are taken, in every session the same. */
int
lock_key_cmp(const LockKey *a, const LockKey *b)
{
	if (a->key1 != b->key1)
		return a->key1 < b->key1 ? -1 : 1;
	if (a->key2 != b->key2)
		return a->key2 < b->key2 ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return 0;
}

/* A hash for tables of keys; the keys of names are random already. */
uint32
lock_key_hash(Oid database, const LockKey *key)
{
	return murmurhash32((uint32) key->key1 ^ pg_rotate_left32((uint32) key->key2, 16) ^
						database ^ key->kind);
}

/* Two names, one key: they exclude each other, which somebody should know. */
void
warn_of_collision(const char *known, const char *wanted)
{
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("advisory lock names \"%s\" and \"%s\" have the same key",
					known, wanted),
			 errdetail("They are one lock: whoever holds the one keeps others off the other."),
			 errhint("Rename one of them.")));
}
