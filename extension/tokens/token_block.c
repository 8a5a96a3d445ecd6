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

/* The block of this database, new if need be; NULL if there are too many. */
static TokenBlock *
find_block(Registry *reg)
{
	for (int i = 0; i < TOKEN_BLOCKS; i++)
	{
		TokenBlock *block = &reg->state->token_blocks[i];

		if (block->database == InvalidOid)
			block->database = MyDatabaseId;
		if (block->database == MyDatabaseId)
			return block;
	}
	return NULL;
}

/* The next one of the block, or 0 if it is used up. */
static int64
next_in_block(TokenBlock *block)
{
	int64		next = pg_atomic_read_u64(&block->next);

	if (next > (int64) pg_atomic_read_u64(&block->last))
		return 0;
	pg_atomic_write_u64(&block->next, next + 1);
	return next;
}

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
	int64		token = 0;

	LWLockAcquire(&reg->state->token_lock, LW_EXCLUSIVE);
	block = find_block(reg);
	if (block)
	{
		int64		last = pg_atomic_read_u64(&block->last);

		if (block->sequence != sequence)
		{
			block->sequence = sequence;
			pg_atomic_write_u64(&block->next, 1);
			pg_atomic_write_u64(&block->last, last = 0);
		}
		if ((int64) pg_atomic_read_u64(&block->next) > last && offered_first > last)
		{
			pg_atomic_write_u64(&block->next, offered_first);
			pg_atomic_write_u64(&block->last, offered_last);
		}
		token = next_in_block(block);
	}
	else
		token = offered_first;
	LWLockRelease(&reg->state->token_lock);
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
	LWLockAcquire(&reg->state->token_lock, LW_EXCLUSIVE);
	block = find_block(reg);
	if (block && block->sequence == sequence)
		last = pg_atomic_read_u64(&block->next) - 1;
	LWLockRelease(&reg->state->token_lock);
	return last;
}
