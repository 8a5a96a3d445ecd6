/*-------------------------------------------------------------------------
 *
 * number.h
 *	  The number that is a fencing token.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef NUMBER_H
#define NUMBER_H

/* What is no token: there is none left, or none was given */
#define NO_TOKEN INT64CONST(0)

/* How many are reserved at a time, with the registry */
#define TOKENS_PER_BLOCK 65536

extern int64 clock_counter(void);
extern int64 clock_counter_of_new(int64 clock);
extern bool number_leaves_some(int64 number);
extern int64 number_after(int64 last, int64 clock, int64 count);
extern bool number_can_be_token(int64 number);
extern bool number_of_the_past(int64 number, int64 last);

#endif							/* NUMBER_H */
