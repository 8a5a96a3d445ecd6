/*-------------------------------------------------------------------------
 *
 * sequence.h
 *	  The durable position of the fencing tokens.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TOKEN_SEQUENCE_H
#define TOKEN_SEQUENCE_H

#include "utils/relcache.h"

extern int64 sequence_position(Relation sequence);
extern bool sequence_seen_at(Oid sequence, int64 position);
extern bool sequence_stands_at(Oid sequence, int64 position);
extern void sequence_prepare(Relation sequence, int64 *above);
extern int64 sequence_reserve(Relation sequence, int64 count, int64 above);

#endif							/* TOKEN_SEQUENCE_H */
