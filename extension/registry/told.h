/*-------------------------------------------------------------------------
 *
 * told.h
 *	  What sessions tell about their locks, for who asks about very many.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TOLD_H
#define TOLD_H

#include "registry/registry.h"

/* What is known of a lock that some session holds or awaits */
typedef struct Told
{
	bool		labelled;		/* that session tells something: */
	Label		label;
	bool		names_it;		/* by the name that follows */
	Oid			role;			/* who used that name last */
	char		name[NAME_ROOM];	/* empty: not known */
} Told;

extern int	board_pid(Registry *reg, uint32 row);
extern int	board_copy(Registry *reg, uint32 row, int pid, Label *copies);
extern void tell_of_lock(Registry *reg, const LockKey *key, int pid,
						 const Label *on_board, int count, Told *told);

#endif							/* TOLD_H */
