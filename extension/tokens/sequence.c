/*-------------------------------------------------------------------------
 *
 * sequence.c
 *	  The durable position of the fencing tokens.
 *
 * The last token reserved is the position of the sequence
 * advisory_lock.token_sequence.
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
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "tokens/fenced.h"
#include "tokens/number.h"
#include "tokens/sequence.h"

/* What core has in the special space of a sequence's page */
#define SEQUENCE_PAGE_MAGIC 0x1717

/* How many tokens a WAL record covers at least, as in core */
#define TOKENS_LOGGED_AHEAD 32

/* The sequence's page, locked */
typedef struct SequencePage
{
	Relation	rel;			/* the caller's */
	Buffer		buffer;
	Form_pg_sequence_data data; /* points into the buffer */
} SequencePage;

/* Where this session last found the position */
typedef struct Whereabouts
{
	Oid			sequence;
	BufferDesc *buffer;
	BufferTag	tag;			/* says that the page is in there */
	const FormData_pg_sequence_data *data;
} Whereabouts;

static Whereabouts last_seen;

static bool
is_sequence_page(Page page)
{
	return !PageIsNew(page) &&
		PageGetSpecialSize(page) == MAXALIGN(sizeof(uint32)) &&
		*(uint32 *) PageGetSpecialPointer(page) == SEQUENCE_PAGE_MAGIC &&
		PageGetMaxOffsetNumber(page) >= FirstOffsetNumber;
}

/* Is it long enough for the three columns, with none of them null? */
static bool
is_sequence_tuple(HeapTupleHeader tuple, Size length)
{
	return length > SizeofHeapTupleHeader &&
		(tuple->t_infomask & HEAP_HASNULL) == 0 &&
		HeapTupleHeaderGetNatts(tuple) == SEQ_COL_LASTCOL &&
		tuple->t_hoff + offsetof(FormData_pg_sequence_data, is_called) < length;
}

/*
 * The sequence's data in its page, checked as core checks it, before anything
 * is read or written; NULL if it is something else.
 */
static Form_pg_sequence_data
sequence_data(Page page)
{
	ItemId		item;
	HeapTupleHeader tuple;

	if (!is_sequence_page(page))
		return NULL;
	item = PageGetItemId(page, FirstOffsetNumber);
	if (!ItemIdIsNormal(item))
		return NULL;
	tuple = (HeapTupleHeader) PageGetItem(page, item);
	if (!is_sequence_tuple(tuple, ItemIdGetLength(item)))
		return NULL;
	return (Form_pg_sequence_data) ((char *) tuple + tuple->t_hoff);
}

/* The page is pinned, so its buffer holds no other. */
static void
remember_whereabouts(const SequencePage *seq)
{
	BufferDesc *buffer = GetBufferDescriptor(seq->buffer - 1);

	last_seen = (Whereabouts) {
		RelationGetRelid(seq->rel), buffer, buffer->tag, seq->data
	};
}

static SequencePage
lock_sequence_page(Relation sequence, int buffer_lock)
{
	SequencePage seq;

	seq.rel = sequence;
	seq.buffer = ReadBuffer(sequence, 0);
	LockBuffer(seq.buffer, buffer_lock);
	seq.data = sequence_data(BufferGetPage(seq.buffer));
	if (seq.data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("sequence \"%s\" is damaged", RelationGetRelationName(sequence)),
				 errdetail("Its file does not hold the one row of a sequence."),
				 errhint("Drop the extension, create it again, and call advisory_lock.raise_tokens() with the greatest token that was seen anywhere.")));
	remember_whereabouts(&seq);
	return seq;
}

/* The last token reserved, 0 before the first. */
static int64
last_reserved(Form_pg_sequence_data data)
{
	return data->is_called ? Max(data->last_value, 0) : 0;
}

/* The last token reserved in the database, 0 before the first. */
int64
sequence_position(Relation sequence)
{
	SequencePage seq = lock_sequence_page(sequence, BUFFER_LOCK_SHARE);
	int64		position = last_reserved(seq.data);

	UnlockReleaseBuffer(seq.buffer);
	return position;
}

/*
 * Read the position where it was seen last, without pinning or locking the
 * page; -1 if it is there no longer.
 *
 * Two looks at the buffer's header enclose the read, so what was read belongs
 * to the sequence: a buffer that was given away meanwhile does not hold the
 * same page again within a few instructions.  No lock is needed, since it would
 * order nothing: who moves the position has written it before it returns and
 * lets go of the page, which is a barrier, and who starts to draw after that
 * sees it.  Who draws at the same time may see either.
 */
static inline int64
peek_at_position(void)
{
	const volatile FormData_pg_sequence_data *data = last_seen.data;
	int64		value;
	bool		called;

	if (!buffer_holds(last_seen.buffer, &last_seen.tag))
		return -1;
	pg_read_barrier();
	value = data->last_value;
	called = data->is_called;
	pg_read_barrier();
	return called && buffer_holds(last_seen.buffer, &last_seen.tag) ? value : -1;
}

/*
 * Does a look where the position was seen last say that it is this, which is
 * one of a block and so not 0?  Cannot fail, and may say no where it is.  To be
 * asked after a full barrier.
 */
bool
sequence_seen_at(Oid sequence, int64 position)
{
#ifdef PG_HAVE_8BYTE_SINGLE_COPY_ATOMICITY
	return last_seen.sequence == sequence && peek_at_position() == position;
#else
	return false;
#endif
}

/*
 * Is it this?  The same, but opens the sequence unless the look says yes.  One
 * that was dropped stands nowhere.
 */
bool
sequence_stands_at(Oid sequence, int64 position)
{
	Relation	rel;
	bool		stands;

	if (sequence_seen_at(sequence, position))
		return true;
	rel = try_relation_open(sequence, AccessShareLock);
	if (!rel)
		return false;
	stands = sequence_position(rel) == position;
	relation_close(rel, AccessShareLock);
	return stands;
}

/* Store a state of the sequence in a page. */
static void
set_last_reserved(Page page, int64 last, int64 logged_ahead)
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
log_last_reserved(SequencePage *seq, int64 last)
{
	GenericXLogState *state = GenericXLogStart(seq->rel);
	Page		page = GenericXLogRegisterBuffer(state, seq->buffer, GENERIC_XLOG_FULL_IMAGE);

	set_last_reserved(page, last, 0);
	GenericXLogFinish(state);
}

/* Has the page been logged since the last checkpoint began? */
static bool
is_logged(const SequencePage *seq)
{
	return PageGetLSN(BufferGetPage(seq->buffer)) > GetRedoRecPtr();
}

/*
 * Does the last record cover so many tokens more, all of them above the given
 * one?  Not if a checkpoint has begun since: replay would start behind it.
 */
static bool
is_covered(const SequencePage *seq, int64 count, int64 above)
{
	int64		position = last_reserved(seq->data);

	return count <= seq->data->log_cnt && above <= position &&
		number_after(position, 0, count) == position + 1 && is_logged(seq);
}

/*
 * Reserve what the last record covers, if it does; else NO_TOKEN.
 *
 * A checkpoint that begins between the look and the change would leave the
 * page out, which was clean when it chose what to write, and replay would
 * start behind the record.  So it has to wait for us, and nothing here may
 * fail.
 */
static int64
reserve_covered(SequencePage *seq, int64 count, int64 above)
{
	int64		first = NO_TOKEN;

	MyProc->delayChkptFlags |= DELAY_CHKPT_START;
	if (is_covered(seq, count, above))
	{
		first = last_reserved(seq->data) + 1;
		set_last_reserved(BufferGetPage(seq->buffer), first + count - 1,
						  seq->data->log_cnt - count);
		MarkBufferDirty(seq->buffer);
	}
	MyProc->delayChkptFlags &= ~DELAY_CHKPT_START;
	return first;
}

/* Reserve by a new record. */
static int64
reserve_anew(SequencePage *seq, int64 count, int64 above, int64 clock)
{
	int64		ahead = Max(count, TOKENS_LOGGED_AHEAD);
	int64		first;

	if (!seq->data->is_called)
		clock = clock_counter_of_new(clock);
	first = number_after(Max(last_reserved(seq->data), above), clock, ahead);
	if (first == NO_TOKEN)
		return NO_TOKEN;
	log_last_reserved(seq, first + ahead - 1);
	set_last_reserved(BufferGetPage(seq->buffer), first + count - 1, ahead - count);
	return first;
}

/*
 * Reserve count tokens in a row, all above the given one, and return the first
 * when they are durable; NO_TOKEN if there are not so many left.
 *
 * Takes no lock of the lock manager, so that it can be called with an LWLock
 * held; the sequence is open.
 */
int64
sequence_reserve(Relation sequence, int64 count, int64 above)
{
	int64		clock = clock_counter();
	SequencePage seq = lock_sequence_page(sequence, BUFFER_LOCK_EXCLUSIVE);
	int64		first = reserve_covered(&seq, count, above);
	XLogRecPtr	lsn;

	if (first == NO_TOKEN)
		first = reserve_anew(&seq, count, above, clock);
	lsn = PageGetLSN(BufferGetPage(seq.buffer));
	UnlockReleaseBuffer(seq.buffer);
	XLogFlush(lsn);
	return first;
}

/*
 * Before a reservation, raise *above to the newest token that a fence has
 * seen, if that may be above the position.
 *
 * Rows of fences that came without it came before the server started, as a
 * rule, and the first reservation after that is one after a checkpoint; or
 * they came before the first token.  To ask again after each checkpoint costs
 * little, and needs no memory of what has been asked.
 */
void
sequence_prepare(Relation sequence, int64 *above)
{
	SequencePage seq = lock_sequence_page(sequence, BUFFER_LOCK_SHARE);
	bool		ask = last_reserved(seq.data) == 0 || !is_logged(&seq);

	UnlockReleaseBuffer(seq.buffer);
	if (ask)
		*above = Max(*above, newest_fenced_token());
}
