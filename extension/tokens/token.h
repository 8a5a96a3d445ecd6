/*-------------------------------------------------------------------------
 *
 * token.h
 *	  Fencing tokens.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TOKEN_H
#define TOKEN_H

/* The token of a lock that has none, taken on a standby */
#define NO_TOKEN INT64CONST(0)

extern int64 reserve_tokens(Oid sequence, int64 count);
extern int64 token_draw(void);
extern bool token_was_issued(int64 token);

#endif							/* TOKEN_H */
