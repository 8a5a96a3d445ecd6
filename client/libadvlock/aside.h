/*-------------------------------------------------------------------------
 *
 * aside.h
 *	  A call that may block for long, without waiting for it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_ASIDE_H
#define ADVLOCK_ASIDE_H

#include <stdbool.h>

/* The first member of what the call works on, which is allocated. */
typedef struct advl_aside
{
	int			users;			/* we, and the thread */
	int			over;
	int			our_end;		/* of a pipe; readable when it is over */
	int			its_end;
	void		(*call) (struct advl_aside *a);
	void		(*release) (struct advl_aside *a);
} advl_aside;

/*
 * Begin the call in a thread of its own.  Returns 0; or an error number, and
 * then nothing has begun.  release() frees it all, when it is over and we have
 * called advl_aside_end(), which we may at any time; in either thread.
 */
extern int	advl_aside_start(advl_aside *a, void (*call) (advl_aside *a),
							 void (*release) (advl_aside *a));
extern bool advl_aside_is_over(const advl_aside *a);
extern void advl_aside_end(advl_aside *a);

#endif							/* ADVLOCK_ASIDE_H */
