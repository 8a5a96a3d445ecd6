/*-------------------------------------------------------------------------
 *
 * sessions.h
 *	  The sessions that hold or await locks.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef SESSIONS_H
#define SESSIONS_H

#include "utils/hsearch.h"

#include "locking/deadlock.h"
#include "registry/registry.h"

/* What is shown of a session; a NULL is 0 */
typedef struct Session
{
	int			pid;			/* hash key, must be first */
	int			activity;		/* its index there; 0: it is not known */
	int			row;			/* of the board; -1: none */
	bool		filled;			/* what follows */
	Datum		user;			/* name */
	Datum		application;	/* text */
	Datum		client;			/* inet */
	Label	   *labels;			/* those on the board */
	int			label_count;
	const Awaiter *awaiter;		/* if it awaits any one of several locks */
} Session;

extern HTAB *all_sessions(Registry *reg);
extern Session *find_session(HTAB *sessions, Registry *reg, int pid);

#endif							/* SESSIONS_H */
