/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Fencing tokens.
 *
 * With the registry, tokens are reserved by the block, and all sessions of the
 * database take them from there one by one: so an acquire waits for no disk.
 * What is left of a block when the server stops is never given.
 *
 * A block is valid only while the sequence stands where the reservation of
 * that block left it.  So whoever moves the position, be it by setval(), a
 * restore, or by drawing without the registry, makes an end of the block, and
 * the next reservation is above both.
 *
 * A database has one block, whichever sequence it is of: when the extension is
 * dropped and created again, the new sequence has the place of the old one, and
 * goes on above what that gave.
 *
 * The order of steps is what keeps the numbers in order without a lock:
 *	- who takes one reads the block's last before it adds to next, and looks
 *	  afterwards at whose the block is and where the sequence stands;
 *	- who changes a block, which one session does at a time, makes it nobody's
 *	  if its owner changes, then sets next, then last, then the owner.
 * A number that was taken and does not pass is wasted.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/member.h"
#include "registry/registry.h"
#include "tokens/sequence.h"
#include "tokens/token.h"

/*
 * With more databases than places for blocks, a place changes hands when it
 * was not refilled for so long: what is left in it is lost, and so must not be
 * lost often.  Who finds no place draws its tokens singly.
 */
#define KEEP_BLOCK_SECONDS 60

#define NOBODY UINT64CONST(0)

/* The sequence of this database, as the owner of a block */
static uint64
block_owner(Oid sequence)
{
	return (uint64) MyDatabaseId << 32 | sequence;
}

static bool
block_belongs_to(TokenBlock *block, uint64 owner)
{
	return pg_atomic_read_u64(&block->owner) == owner;
}

static bool
block_is_of_this_database(TokenBlock *block)
{
	return pg_atomic_read_u64(&block->owner) >> 32 == MyDatabaseId;
}

/* The block of this owner, or NULL. */
static TokenBlock *
find_block(uint64 owner)
{
	static TokenBlock *found_last = NULL;
	Registry   *reg = registry();

	if (!reg)
		return NULL;
	if (found_last && block_belongs_to(found_last, owner))
		return found_last;
	for (int i = 0; i < TOKEN_BLOCKS; i++)
	{
		TokenBlock *block = &reg->state->token_blocks[i];

		if (block_belongs_to(block, owner))
			return found_last = block;
	}
	return NULL;
}

/*
 * Take the next number of the block; NO_TOKEN if there is none.  It is a token
 * if the sequence stands at *last.
 */
static int64
take_number(TokenBlock *block, uint64 owner, int64 *last)
{
	int64		number;

	*last = pg_atomic_read_u64(&block->last);
	number = pg_atomic_fetch_add_u64(&block->next, 1);
	return number <= *last && block_belongs_to(block, owner) ? number : NO_TOKEN;
}

/* Take the next token of the block; NO_TOKEN if it has none that is valid. */
static int64
take_token(TokenBlock *block, uint64 owner, Oid sequence)
{
	int64		last;
	int64		token = take_number(block, owner, &last);

	return token != NO_TOKEN && sequence_stands_at(sequence, last) ? token : NO_TOKEN;
}

static int64
seconds_since_boot(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_DOUBLE(now);
}

/* The block of whichever sequence this database had last, or NULL. */
static TokenBlock *
find_block_of_database(void)
{
	for (int i = 0; i < TOKEN_BLOCKS && registry(); i++)
	{
		TokenBlock *block = &registry()->state->token_blocks[i];

		if (block_is_of_this_database(block))
			return block;
	}
	return NULL;
}

/*
 * A place for a new block: one that is nobody's, else the one that was refilled
 * longest ago; NULL if that is not long enough.  The lock must be held.
 */
static TokenBlock *
find_place(void)
{
	TokenBlock *oldest = NULL;

	for (int i = 0; i < TOKEN_BLOCKS; i++)
	{
		TokenBlock *block = &registry()->state->token_blocks[i];

		if (block_belongs_to(block, NOBODY))
			return block;
		if (!oldest || block->refilled_at < oldest->refilled_at)
			oldest = block;
	}
	return seconds_since_boot() - oldest->refilled_at >= KEEP_BLOCK_SECONDS ? oldest : NULL;
}

/*
 * Make the place the owner's, without tokens so far.  What is known of a
 * sequence that this database had before stays.  The lock must be held.
 */
static void
take_place(TokenBlock *block, uint64 owner, bool given_before_start)
{
	bool		again = block_is_of_this_database(block);
	int64		last = pg_atomic_read_u64(&block->last);

	pg_atomic_write_u64(&block->owner, NOBODY);
	pg_write_barrier();
	pg_atomic_write_u64(&block->next, 1);
	pg_atomic_write_u64(&block->last, 0);
	block->above = again ? Max(block->above, last) : 0;
	block->given_before_start = given_before_start || (again && block->given_before_start);
	pg_write_barrier();
	pg_atomic_write_u64(&block->owner, owner);
}

/*
 * The block of this sequence, made if need be; NULL if there is no place for
 * one.  The lock must be held.
 */
static TokenBlock *
find_or_make_block(Oid sequence, bool given_before_start)
{
	uint64		owner = block_owner(sequence);
	TokenBlock *block = find_block(owner);

	if (block)
		return block;
	block = find_block_of_database();
	if (!block)
		block = find_place();
	if (block)
		take_place(block, owner, given_before_start);
	return block;
}

/*
 * Reserve a new block in its place, above what it had, and take its first
 * token.  The lock must be held.
 */
static int64
refill(TokenBlock *block, Relation sequence, int64 above)
{
	int64		had = Max((int64) pg_atomic_read_u64(&block->last), block->above);
	int64		first = sequence_reserve(sequence, TOKENS_PER_BLOCK, Max(had, above));

	if (first == NO_TOKEN)
		return NO_TOKEN;
	pg_atomic_write_u64(&block->next, first + 1);
	pg_write_barrier();
	pg_atomic_write_u64(&block->last, first + TOKENS_PER_BLOCK - 1);
	block->refilled_at = seconds_since_boot();
	return first;
}

/*
 * Draw from the block of this database, made or refilled if need be.  False if
 * there is no place for one.
 *
 * The lock is held while WAL is flushed, so that of many sessions which find
 * the block used up one reserves and the others wait.  An error would leave it
 * to the abort to release the lock, but for want of tokens there is none.
 */
static bool
draw_from_new_block(Relation sequence, int64 above, int64 *token)
{
	Oid			relid = RelationGetRelid(sequence);
	bool		given_before = sequence_position(sequence) > 0;
	LWLock	   *lock = &registry()->state->token_lock;
	TokenBlock *block;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	block = find_or_make_block(relid, given_before);
	if (block)
	{
		*token = take_token(block, block_owner(relid), relid);	/* somebody was faster */
		if (*token <= above)
			*token = refill(block, sequence, above);
	}
	LWLockRelease(lock);
	return block != NULL;
}

/*
 * Tokens of a sequence that goes if this transaction is rolled back would not
 * be above those of the one that was there before, and is again then.
 */
static void
check_sequence_lasts(Relation sequence)
{
	if (relation_file_is_new(sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot give fencing tokens in the transaction that created extension \"advisory_lock\""),
				 errdetail("If it were rolled back, later tokens could be lower."),
				 errhint("Commit first.")));
}

/* Draw by a reservation. */
static int64
draw_anew(void)
{
	Relation	rel = member_open(MEMBER_TOKEN_SEQUENCE, AccessShareLock);
	int64		above = 0;
	int64		token;

	check_sequence_lasts(rel);
	sequence_prepare(rel, &above);
	if (!registry() || !draw_from_new_block(rel, above, &token))
		token = sequence_reserve(rel, 1, above);
	relation_close(rel, AccessShareLock);
	if (token == NO_TOKEN)
		ereport(ERROR,
				(errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
				 errmsg("the fencing tokens of this database are exhausted"),
				 errdetail("The position of advisory_lock.token_sequence was set too high."),
				 errhint("Set it with setval() to the greatest token that was seen anywhere.")));
	return token;
}

/*
 * A token above every token that was given in this database before, durable
 * when this returns; NO_TOKEN on a standby.  To be called after the lock is
 * granted, or a later holder could have a lower token.
 *
 * Raises an error where the sequence is not as the extension made it, or is at
 * its end.
 */
int64
token_draw(void)
{
	Oid			sequence;
	uint64		owner;
	TokenBlock *block;
	int64		token = NO_TOKEN;

	if (RecoveryInProgress())
		return NO_TOKEN;
	sequence = member_relation(MEMBER_TOKEN_SEQUENCE);
	owner = block_owner(sequence);
	block = find_block(owner);
	if (block)
		token = take_token(block, owner, sequence);
	return token != NO_TOKEN ? token : draw_anew();
}

/*
 * The same where the block has one and it takes no more than a look to know
 * that it is valid; else NO_TOKEN.  Cannot fail.  A standby has no blocks.
 */
int64
token_draw_at_once(void)
{
	Oid			sequence = member_if_known(MEMBER_TOKEN_SEQUENCE);
	uint64		owner = block_owner(sequence);
	TokenBlock *block;
	int64		token;
	int64		last;

	if (!OidIsValid(sequence) || !(block = find_block(owner)))
		return NO_TOKEN;
	token = take_number(block, owner, &last);
	return token != NO_TOKEN && sequence_seen_at(sequence, last) ? token : NO_TOKEN;
}

/* Where the sequence of this database stands, and which that is. */
static int64
current_position(Oid *sequence)
{
	Relation	rel = member_open(MEMBER_TOKEN_SEQUENCE, AccessShareLock);
	int64		position = sequence_position(rel);

	*sequence = RelationGetRelid(rel);
	relation_close(rel, AccessShareLock);
	return position;
}

/* The last token given, if the position is that. */
static int64
last_given(Oid sequence, int64 position)
{
	uint64		owner = block_owner(sequence);
	TokenBlock *block = find_block(owner);
	int64		last,
				next;

	if (!block)
		return position;
	last = pg_atomic_read_u64(&block->last);
	pg_read_barrier();
	next = pg_atomic_read_u64(&block->next);
	pg_read_barrier();
	if (last != position || !block_belongs_to(block, owner))
		return position;
	return Min(next - 1, last);
}

/*
 * Could this token have been issued?  Of an earlier timeline the last one may
 * not have come here, so any is taken for issued.
 */
bool
token_was_issued(int64 token)
{
	Oid			sequence;
	int64		position = current_position(&sequence);

	return number_can_be_token(token) &&
		(token <= last_given(sequence, position) || number_of_the_past(token, position));
}

/*
 * Did this database give a token before this server was started or promoted?
 * Where that is not known, it did.  A sequence that is new may not have a block
 * yet; then it counts what is known of the one before.
 */
bool
tokens_given_before_start(void)
{
	Oid			sequence = member_relation(MEMBER_TOKEN_SEQUENCE);
	TokenBlock *block = find_block(block_owner(sequence));
	bool		given = false;

	if (!block)
	{
		given = current_position(&sequence) > 0;
		block = find_block_of_database();
	}
	if (!block)
		return given;
	given |= block->given_before_start;
	pg_read_barrier();
	return given || !block_is_of_this_database(block);
}

/* Let a sequence that follows this one in its database know it, too. */
static void
note_raised(Relation sequence, int64 above)
{
	bool		given_before = sequence_position(sequence) > 0;
	LWLock	   *lock = &registry()->state->token_lock;
	TokenBlock *block;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	block = find_or_make_block(RelationGetRelid(sequence), given_before);
	if (block)
		block->above = Max(block->above, above);
	LWLockRelease(lock);
}

/*
 * From now on give tokens above this number only; durable when this returns.
 * The reservation moves the position, which makes an end of the block.  What no
 * token can be above is not kept in mind, which would be to give none any more.
 */
void
tokens_raise(int64 above)
{
	Relation	rel;

	if (!number_leaves_some(above))
		return;
	rel = member_open(MEMBER_TOKEN_SEQUENCE, AccessShareLock);
	if (registry_attach())
		note_raised(rel, above);
	(void) sequence_reserve(rel, 1, above);
	relation_close(rel, AccessShareLock);
}
