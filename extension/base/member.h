/*-------------------------------------------------------------------------
 *
 * member.h
 *	  The relations that belong to the extension.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef MEMBER_H
#define MEMBER_H

#include "access/tupdesc.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* In the order of the table in member.c */
typedef enum Member
{
	MEMBER_TOKEN_SEQUENCE,
	MEMBER_FENCES,
	MEMBER_KEY_LABELS,
	MEMBER_LEASES,
	MEMBER_LEASE_QUEUE,
	MEMBER_RUNS
} Member;

extern Oid	member_relation(Member member);
extern Oid	member_if_known(Member member);
extern Oid	member_owner(Member member);
extern Relation member_open(Member member, LOCKMODE mode);
extern void member_check_columns(Member member, TupleDesc columns, const Oid *types, int count);

#endif							/* MEMBER_H */
