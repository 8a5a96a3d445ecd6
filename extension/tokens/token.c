/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Fencing tokens.
 *
 * A token is "epoch << 59 | timeline << 48 | counter", and the last one is the
 * position of the sequence advisory_lock.token_sequence.  The counter never
 * falls.  The timeline above it puts every token of a promoted standby above
 * all of its former primary, though the standby may have missed the last
 * ones, and though the former primary may still be issuing some.  The epoch,
 * normally 0, rises when the timeline is seen to fall: that is a database that
 * was dumped on a server which had been promoted, and restored on a new one.
 *
 * Tokens must not come back after a crash, so a token may be used only when
 * WAL that covers it is on disk.  nextval() does not promise that: it logs a
 * few positions ahead and leaves the flush to the commit, which skips it if
 * this transaction was not the one that logged.  It would also change the
 * caller's lastval(), assign a transaction ID and refuse to work in a
 * read-only transaction.  So the sequence's one tuple is advanced here, by the
 * same rules as in core, and the WAL is flushed up to the page's LSN, which
 * has usually been done already.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/member.h"
#include "registry/registry.h"
#include "tokens/token.h"
#include "tokens/token_block.h"

#define COUNTER_BITS 48
#define TIMELINE_BITS 11
#define EPOCH_BITS 4			/* and the sign stays positive */

#define MAX_COUNTER ((INT64CONST(1) << COUNTER_BITS) - 1)
#define MAX_TIMELINE ((1 << TIMELINE_BITS) - 1)
#define MAX_EPOCH ((1 << EPOCH_BITS) - 1)

/* How many tokens a WAL record covers at least, as in core */
#define TOKENS_LOGGED_AHEAD 32

/* The sequence's page, locked */
typedef struct SequencePage
{
	Relation	rel;
	Buffer		buffer;
	Form_pg_sequence_data data; /* points into the buffer */
} SequencePage;

static Form_pg_sequence_data
sequence_data(Page page)
{
	ItemId		item = PageGetItemId(page, FirstOffsetNumber);
	HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(page, item);

	return (Form_pg_sequence_data) ((char *) tuple + tuple->t_hoff);
}

static SequencePage
open_sequence_page(Oid sequence, int buffer_lock)
{
	SequencePage seq;

	seq.rel = relation_open(sequence, AccessShareLock);
	seq.buffer = ReadBuffer(seq.rel, 0);
	LockBuffer(seq.buffer, buffer_lock);
	seq.data = sequence_data(BufferGetPage(seq.buffer));
	return seq;
}

static void
close_sequence_page(SequencePage *seq)
{
	UnlockReleaseBuffer(seq->buffer);
	relation_close(seq->rel, AccessShareLock);
}

/* The last token given, 0 before the first. */
static int64
last_token(const SequencePage *seq)
{
	return seq->data->is_called ? seq->data->last_value : 0;
}

/*
 * What stands above the counter in the tokens that follow last.  At its limit
 * each part stays where it is, and the counter alone orders the tokens.
 */
static int64
next_prefix(int64 last)
{
	int64		timeline = Min(GetWALInsertionTimeLine(), MAX_TIMELINE);
	int64		last_timeline = (last >> COUNTER_BITS) & MAX_TIMELINE;
	int64		epoch = last >> (COUNTER_BITS + TIMELINE_BITS);

	if (timeline < last_timeline)
	{
		if (epoch < MAX_EPOCH)
			epoch++;
		else
			timeline = last_timeline;
	}
	return (epoch << TIMELINE_BITS | timeline) << COUNTER_BITS;
}

/* Store a state of the sequence in a page. */
static void
set_last_token(Page page, int64 last, int64 logged_ahead)
{
	Form_pg_sequence_data data = sequence_data(page);

	data->last_value = last;
	data->is_called = true;
	data->log_cnt = logged_ahead;
}

/*
 * Log that all tokens up to last may have been used.
 *
 * The page goes into the record as a whole, since the changes made without a
 * record must be overwritten on replay, whatever LSN the page has by then.
 */
static void
log_last_token(SequencePage *seq, int64 last)
{
	GenericXLogState *state = GenericXLogStart(seq->rel);
	Page		page = GenericXLogRegisterBuffer(state, seq->buffer, GENERIC_XLOG_FULL_IMAGE);

	set_last_token(page, last, 0);
	GenericXLogFinish(state);
}

/*
 * Does the last record cover the tokens from first to last?  Not if the prefix
 * has changed, nor if a checkpoint has begun since: replay would start behind
 * that record.
 */
static bool
covered_by_wal(const SequencePage *seq, int64 first, int64 last)
{
	return first == last_token(seq) + 1 &&
		last - first < seq->data->log_cnt &&
		PageGetLSN(BufferGetPage(seq->buffer)) > GetRedoRecPtr();
}

/* Reserve count tokens in a row, and return the first when all are durable. */
int64
reserve_tokens(Oid sequence, int64 count)
{
	SequencePage seq = open_sequence_page(sequence, BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(seq.buffer);
	int64		counter = (last_token(&seq) & MAX_COUNTER) + 1;
	int64		first = next_prefix(last_token(&seq)) | counter;
	int64		last = first + count - 1;
	int64		ahead = Max(count, TOKENS_LOGGED_AHEAD);
	XLogRecPtr	lsn;

	if (counter > MAX_COUNTER - ahead)
		ereport(ERROR,
				(errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
				 errmsg("the fencing tokens of this database are exhausted")));

	if (covered_by_wal(&seq, first, last))
	{
		set_last_token(page, last, seq.data->log_cnt - count);
		MarkBufferDirty(seq.buffer);
	}
	else
	{
		log_last_token(&seq, first + ahead - 1);
		set_last_token(page, last, ahead - count);
	}
	lsn = PageGetLSN(page);
	close_sequence_page(&seq);

	XLogFlush(lsn);
	return first;
}

/*
 * A token above every token that was given in this database before, durable
 * when this returns; NO_TOKEN on a standby.  To be called after the lock is
 * granted, or a later holder could have a lower token.
 */
int64
token_draw(void)
{
	if (RecoveryInProgress())
		return NO_TOKEN;
	if (registry())
		return token_from_block(member_relation(MEMBER_TOKEN_SEQUENCE));
	return reserve_tokens(member_relation(MEMBER_TOKEN_SEQUENCE), 1);
}

/*
 * Could this token have been issued?  Of an earlier timeline the last one may
 * not have come here, so any is taken for issued.
 */
bool
token_was_issued(int64 token)
{
	Oid			sequence = member_relation(MEMBER_TOKEN_SEQUENCE);
	SequencePage seq = open_sequence_page(sequence, BUFFER_LOCK_SHARE);
	int64		last_reserved = last_token(&seq);
	int64		last_given;

	close_sequence_page(&seq);
	if (token <= MAX_COUNTER || (token & MAX_COUNTER) == 0)
		return false;			/* no timeline, or no counter */
	last_given = last_token_from_block(sequence);
	return token <= (last_given ? last_given : last_reserved) ||
		token < next_prefix(last_reserved);
}
