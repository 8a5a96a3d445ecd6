/*-------------------------------------------------------------------------
 *
 * visible.h
 *	  Whose names a role may see, and whose rows it may change.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef VISIBLE_H
#define VISIBLE_H

#include "datatype/timestamp.h"

extern bool may_see_names_of(Oid role);
extern bool may_act_for(const char *owner);
extern Datum caller_as_owner(void);
extern void set_name_column(Datum *value, bool *isnull, const char *name, bool may_see);
extern void set_time_column(Datum *value, bool *isnull, TimestampTz time);

#endif							/* VISIBLE_H */
