/*-------------------------------------------------------------------------
 *
 * token_block.h
 *	  Fencing tokens from shared memory.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TOKEN_BLOCK_H
#define TOKEN_BLOCK_H

extern int64 token_from_block(Oid sequence);
extern int64 last_token_from_block(Oid sequence);

#endif							/* TOKEN_BLOCK_H */
