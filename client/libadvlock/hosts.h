/*-------------------------------------------------------------------------
 *
 * hosts.h
 *	  Walk the hosts of a connection string.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_HOSTS_H
#define ADVLOCK_HOSTS_H

#include "libadvlock/internal.h"

/*
 * Try one host after the other, and each of its addresses, until one gives a
 * session that can be used.  Until when: the handle's open_deadline.
 */
extern advlock_result advl_start_hosts(advlock *h, const advlock_open_options *o);

/* Forget the walk, whether it is over or not. */
extern void advl_hosts_free(advlock *h);

#endif							/* ADVLOCK_HOSTS_H */
