/*-------------------------------------------------------------------------
 *
 * number.c
 *	  The number that is a fencing token.
 *
 * It is "epoch << 59 | timeline << 48 | counter".
 *
 * The timeline puts every token of a promoted standby above all of its former
 * primary, though the standby may have missed the last ones, and though the
 * former primary may still be issuing some.  The epoch, normally 0, rises when
 * the timeline is seen to fall: that is a database that was dumped on a server
 * which had been promoted, and restored on a new one.
 *
 * Within these the counter never falls.  It counts, and follows the clock as
 * far as that is ahead: 65,536 to each second since 2026 began.  So histories
 * that know nothing of each other are in order too, if their clocks are: an
 * extension that was dropped and created again, a logical replica that takes
 * over, a dump that is restored elsewhere, a timeline that was discarded and
 * is used again.
 *
 * A history can be ahead of the clock by what a crash made it skip.  So a new
 * one begins by more than that ahead of it.
 *
 * A clock that is wrong does no harm within one history.  Behind, it is not
 * followed, and the counter counts on.  Ahead, it lifts the counter to the
 * middle at most, which it reaches in the year 2094; the other half is enough
 * to count a million tokens a second for four years, or one reservation of a
 * whole block a second for 68.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/timestamp.h"

#include "tokens/number.h"

#define COUNTER_BITS 48
#define TIMELINE_BITS 11
#define EPOCH_BITS 4			/* and the sign stays positive */

#define MAX_COUNTER ((INT64CONST(1) << COUNTER_BITS) - 1)
#define MAX_TIMELINE ((INT64CONST(1) << TIMELINE_BITS) - 1)
#define MAX_EPOCH ((INT64CONST(1) << EPOCH_BITS) - 1)

/* Tokens to a second of the clock, by bits */
#define SECOND_BITS 16

/* How far ahead of the clock a new history begins: so many seconds */
#define NEW_AHEAD 2

/* From 2000-01-01, PostgreSQL's own, to 2026-01-01 */
#define CLOCK_BEGIN (INT64CONST(9497) * SECS_PER_DAY)
#define MAX_CLOCK ((INT64CONST(1) << (COUNTER_BITS - SECOND_BITS - 1)) - 1)

static int64
timeline_of(int64 number)
{
	return (number >> COUNTER_BITS) & MAX_TIMELINE;
}

static int64
epoch_of(int64 number)
{
	return number >> (COUNTER_BITS + TIMELINE_BITS);
}

/*
 * What stands above the counter in the tokens that follow last.  At its limit
 * each part stays where it is, and the counter alone orders the tokens.
 */
static int64
prefix_after(int64 last)
{
	int64		timeline = Min((int64) GetWALInsertionTimeLine(), MAX_TIMELINE);
	int64		epoch = epoch_of(last);

	if (timeline < timeline_of(last))
	{
		if (epoch < MAX_EPOCH)
			epoch++;
		else
			timeline = timeline_of(last);
	}
	return epoch << TIMELINE_BITS | timeline;
}

/* Where the clock says that the counter should be. */
int64
clock_counter(void)
{
	TimestampTz now = GetCurrentTimestamp() - CLOCK_BEGIN * USECS_PER_SEC;
	int64		seconds = now / USECS_PER_SEC;
	int64		usecs = now % USECS_PER_SEC;

	if (now < 0)
		return 0;
	return Min(seconds, MAX_CLOCK) << SECOND_BITS | (usecs << SECOND_BITS) / USECS_PER_SEC;
}

/* Where it says that of a new history should be, which may follow another. */
int64
clock_counter_of_new(int64 clock)
{
	return clock + (NEW_AHEAD << SECOND_BITS);
}

/*
 * The first of count numbers in a row that are above last, and at or above
 * where the clock says.  NO_TOKEN if there are not so many left.
 *
 * A counter at its end begins anew in the next epoch.
 */
int64
number_after(int64 last, int64 clock, int64 count)
{
	int64		prefix = prefix_after(last);
	int64		counter = Max((last & MAX_COUNTER) + 1, clock);

	if (counter > MAX_COUNTER - count)
	{
		if (epoch_of(last) == MAX_EPOCH)
			return NO_TOKEN;
		prefix = (epoch_of(last) + 1) << TIMELINE_BITS |
			Min((int64) GetWALInsertionTimeLine(), MAX_TIMELINE);
		counter = Max(clock, 1);
	}
	return prefix << COUNTER_BITS | counter;
}

/* Are there numbers above this one, a block of them at least? */
bool
number_leaves_some(int64 number)
{
	return number_after(number, 0, TOKENS_PER_BLOCK) != NO_TOKEN;
}

/* Has it the form of a token?  Those have a timeline and a counter. */
bool
number_can_be_token(int64 number)
{
	return number > MAX_COUNTER && (number & MAX_COUNTER) != 0;
}

/*
 * Is it of an earlier timeline or epoch than what follows last?  Of those the
 * last token may not have come here.
 */
bool
number_of_the_past(int64 number, int64 last)
{
	return number < prefix_after(last) << COUNTER_BITS;
}
