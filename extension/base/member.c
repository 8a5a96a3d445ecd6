/*-------------------------------------------------------------------------
 *
 * member.c
 *	  The relations that belong to the extension.
 *
 * What this library reads and writes behind the back of SQL, or with the
 * rights of another role, it must not take from whoever made something of that
 * name.  So the name is not enough: the schema "advisory_lock" is a member of
 * the extension, which ordinary roles cannot bring about; the relation is in
 * that schema, so that an ordinary role cannot have made it, and is a member,
 * so that it came with the extension; and it is of the kind that the script
 * creates, and as durable.
 *
 * What a superuser does to the rows is not checked here.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/member.h"

#define EXTENSION_NAME "advisory_lock"
#define SCHEMA_NAME "advisory_lock"

/* A relation that the script creates */
typedef struct MemberRelation
{
	const char *name;
	char		kind;
	Oid			known;			/* its OID, until an invalidation */
	Oid			owner;			/* valid with it */
} MemberRelation;

static MemberRelation relations[] = {
	[MEMBER_TOKEN_SEQUENCE] = {.name = "token_sequence", .kind = RELKIND_SEQUENCE},
	[MEMBER_FENCES] = {.name = "fences", .kind = RELKIND_RELATION},
	[MEMBER_KEY_LABELS] = {.name = "key_labels", .kind = RELKIND_RELATION},
	[MEMBER_LEASES] = {.name = "leases", .kind = RELKIND_RELATION},
	[MEMBER_LEASE_QUEUE] = {.name = "lease_queue", .kind = RELKIND_RELATION},
	[MEMBER_RUNS] = {.name = "runs", .kind = RELKIND_RELATION},
};

/* A relation was altered or dropped; any may have been if it is invalid. */
static void
forget_relation(Datum arg pg_attribute_unused(), Oid relid)
{
	for (size_t i = 0; i < lengthof(relations); i++)
	{
		if (relations[i].known == relid || !OidIsValid(relid))
			relations[i].known = InvalidOid;
	}
}

/* A schema was altered or dropped, maybe ours. */
static void
forget_schema(Datum arg, int cacheid pg_attribute_unused(), uint32 hash pg_attribute_unused())
{
	forget_relation(arg, InvalidOid);
}

static void
watch_for_changes(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_schema, (Datum) 0);
	watching = true;
}

static bool
is_member(Oid class, Oid object, Oid extension)
{
	return OidIsValid(object) && getExtensionOfObject(class, object) == extension;
}

/* The extension's schema; invalid if the extension is not there. */
static Oid
member_schema(Oid extension)
{
	Oid			schema = get_namespace_oid(SCHEMA_NAME, true);

	return is_member(NamespaceRelationId, schema, extension) ? schema : InvalidOid;
}

/*
 * Is the relation as the script made it?  Then its owner is noted.
 */
static bool
check_relation(MemberRelation *relation, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		as_made;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	as_made = form->relkind == relation->kind &&
		form->relpersistence == RELPERSISTENCE_PERMANENT;
	relation->owner = form->relowner;
	ReleaseSysCache(tuple);
	return as_made;
}

static void
look_up(MemberRelation *relation)
{
	Oid			extension = get_extension_oid(EXTENSION_NAME, true);
	Oid			schema = OidIsValid(extension) ? member_schema(extension) : InvalidOid;
	Oid			relid;

	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" does not exist in this database", EXTENSION_NAME),
				 errhint("Create the extension, and call its functions in its own schema \"%s\".",
						 SCHEMA_NAME)));
	relid = get_relname_relid(relation->name, schema);
	if (!is_member(RelationRelationId, relid, extension) || !check_relation(relation, relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s.%s\" is not the one that extension \"%s\" created",
						SCHEMA_NAME, relation->name, EXTENSION_NAME),
				 errhint("Drop the extension and create it again.")));
	relation->known = relid;
}

static const MemberRelation *
known_relation(Member member)
{
	MemberRelation *relation = &relations[member];

	watch_for_changes();
	if (!OidIsValid(relation->known))
		look_up(relation);
	return relation;
}

/*
 * The OID of a relation of the extension's, or an error: 42704 if there is no
 * extension in this database, 55000 if the relation is not as it was made.
 *
 * Looked up in the catalogs, and then remembered until that may have changed.
 */
Oid
member_relation(Member member)
{
	return known_relation(member)->known;
}

/* The same if it is remembered, else InvalidOid.  Cannot fail. */
Oid
member_if_known(Member member)
{
	return relations[member].known;
}

/* The role that owns the relation; errors as above. */
Oid
member_owner(Member member)
{
	return known_relation(member)->owner;
}

/*
 * The relation, opened; errors as above.
 *
 * Whoever has waited may remember one that was dropped meanwhile.  To lock it
 * is to learn that, and then there is another or none.
 */
Relation
member_open(Member member, LOCKMODE mode)
{
	Relation	rel;

	do
		rel = try_relation_open(member_relation(member), mode);
	while (rel == NULL);
	return rel;
}

/*
 * For a reader of rows: reports an error unless the table's first columns have
 * the types that the script gave them.
 */
void
member_check_columns(Member member, TupleDesc columns, const Oid *types, int count)
{
	bool		as_made = columns->natts >= count;

	for (int i = 0; as_made && i < count; i++)
		as_made = TupleDescAttr(columns, i)->atttypid == types[i];
	if (!as_made)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" does not have the columns it was created with",
						SCHEMA_NAME, relations[member].name),
				 errhint("Drop the extension and create it again.")));
}
