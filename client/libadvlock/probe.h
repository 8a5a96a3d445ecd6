/*-------------------------------------------------------------------------
 *
 * probe.h
 *	  Is the server that we wait for still there?
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_PROBE_H
#define ADVLOCK_PROBE_H

#include "libadvlock/internal.h"

/* An answer is awaited from now on: look after a while, and again. */
extern void advl_probe_begin(advlock *h);

/* It is not awaited any more. */
extern void advl_probe_end(advlock *h);

/*
 * Go on looking if it is time.  False: the server has not answered in time, so
 * it is frozen.  Does not block.
 */
extern bool advl_probe_go_on(advlock *h);

/* When to call that next; -1: no need. */
extern int	advl_probe_wait_ms(const advlock *h);

#endif							/* ADVLOCK_PROBE_H */
