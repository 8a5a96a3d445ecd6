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

#include "tokens/number.h"

extern int64 token_draw(void);
extern int64 token_draw_at_once(void);
extern bool token_was_issued(int64 token);
extern bool tokens_given_before_start(void);
extern void tokens_raise(int64 above);

#endif							/* TOKEN_H */
