/*-------------------------------------------------------------------------
 *
 * connect.h
 *	  One attempt to connect, to one address.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADVLOCK_CONNECT_H
#define ADVLOCK_CONNECT_H

#include "libadvlock/internal.h"

/*
 * Connect with a connection string that names one server, and make the session
 * ready, all of it until attempt_deadline (-1: none).  The operation ends with
 * ADVLOCK_OK, or with the reason; the connection is closed then.
 */
extern advlock_result advl_start_connect(advlock *h, const char *conninfo);

#endif							/* ADVLOCK_CONNECT_H */
