/*-------------------------------------------------------------------------
 *
 * visible.c
 *	  Whose names a role may see, and whose rows it may change.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/row.h"
#include "functions/visible.h"

/* May the user see names that belong to the role?  As in pg_stat_activity. */
bool
may_see_names_of(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		(OidIsValid(role) && has_privs_of_role(GetUserId(), role));
}

/* Set a column to a name, or to why it is not shown. */
void
set_name_column(Datum *value, bool *isnull, const char *name, bool may_see)
{
	*isnull = name == NULL;
	if (name)
		*value = CStringGetTextDatum(may_see ? name : "<insufficient privilege>");
}

/* Set a column to a time, where 0 is none. */
void
set_time_column(Datum *value, bool *isnull, TimestampTz time)
{
	*isnull = time == 0;
	*value = TimestampTzGetDatum(time);
}

/*
 * May the current role do with a row what its owner may, whom it has by name?
 * The database's owner may; NULL or a role that is gone is nobody.
 */
bool
may_act_for(const char *owner)
{
	Oid			role = owner ? get_role_oid(owner, true) : InvalidOid;

	return (OidIsValid(role) && has_privs_of_role(GetUserId(), role)) ||
		has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER);
}

/* The current role, for the column that says whose a row is. */
Datum
caller_as_owner(void)
{
	return name_datum(GetUserNameFromId(GetUserId(), false));
}
