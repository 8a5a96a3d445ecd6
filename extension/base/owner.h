/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  Statements with the rights of the extension's owner.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef OWNER_H
#define OWNER_H

#include "base/member.h"

extern void execute_as_owner(Member member, const char *query, int expected,
							 int nargs, Oid *types, Datum *params);

#endif							/* OWNER_H */
