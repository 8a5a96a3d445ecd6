/*-------------------------------------------------------------------------
 *
 * board.h
 *	  Labels: what a session tells the others about its locks.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BOARD_H
#define BOARD_H

#include "registry/registry.h"

extern int	labels_on_board;

extern void board_open(Registry *reg);
extern Label *label_find(Registry *reg, const LockKey *key);
extern Label *label_enter(Registry *reg, const NameId *name);
extern void label_write(Registry *reg, Label *label, const Label *contents);
extern bool label_put_on_board(const NameId *name, Place place, TimestampTz acquired_at, int64 token);
extern Place label_remove(Registry *reg, Label *label);
extern Place label_take_down(Registry *reg, const LockKey *key);
extern bool label_copy(Registry *reg, const LockKey *key, int pid, Label *copy);

#endif							/* BOARD_H */
