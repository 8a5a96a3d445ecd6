/*-------------------------------------------------------------------------
 *
 * token_block.c
 *	  Fencing tokens from shared memory.
 *
 * With the registry, tokens are reserved by the block, and all sessions of the
 * database take them from there one by one: so an acquire waits for no disk.
 * What is left of a block when the server stops is never given.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "registry/registry.h"
#include "tokens/token.h"
#include "tokens/token_block.h"

#define TOKENS_PER_BLOCK 65536

/*
 * Take a token from the block of this database, or 0 if it is used up.  A
 * block offered is put in its place then; else the offer is dropped, since
 * somebody was faster, and tokens must not be given out of order.
 */
static int64
take_token(Oid sequence, int64 offered_first, int64 offered_last)
{
	Registry   *reg = registry();
	TokenBlock *block;
	bool		found;
	int64		token = 0;

	block = dshash_find_or_insert(reg->token_blocks, &MyDatabaseId, &found);
	if (!found || block->sequence != sequence)
		*block = (TokenBlock) {MyDatabaseId, sequence, 1, 0};
	if (block->next > block->last && offered_first > block->last)
	{
		block->next = offered_first;
		block->last = offered_last;
	}
	if (block->next <= block->last)
		token = block->next++;
	dshash_release_lock(reg->token_blocks, block);
	return token;
}

/* The next token of this database.  The registry must be there. */
int64
token_from_block(Oid sequence)
{
	int64		token = take_token(sequence, 0, 0);

	while (token == 0)
	{
		/* Durable before it is offered, and no entry locked meanwhile. */
		int64		first = reserve_tokens(sequence, TOKENS_PER_BLOCK);

		token = take_token(sequence, first, first + TOKENS_PER_BLOCK - 1);
	}
	return token;
}

/* The last token given since the server started; 0 if there is none. */
int64
last_token_from_block(Oid sequence)
{
	Registry   *reg = registry();
	TokenBlock *block;
	int64		last = 0;

	if (!reg)
		return 0;
	block = dshash_find(reg->token_blocks, &MyDatabaseId, false);
	if (!block)
		return 0;
	if (block->sequence == sequence)
		last = block->next - 1;
	dshash_release_lock(reg->token_blocks, block);
	return last;
}
