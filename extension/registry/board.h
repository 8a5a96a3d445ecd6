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

extern void board_open(Registry *reg);
extern Label *label_find(Registry *reg, const LockKey *key);
extern void label_write(Registry *reg, Label *label, const Label *contents);
extern bool label_put(Registry *reg, const Label *contents);
extern Place label_remove(Registry *reg, Label *label);
extern Place label_take_down(Registry *reg, const LockKey *key);
extern void label_read(const Label *label, Label *copy);
extern Label *label_in_table(Registry *reg, const LockKey *key, int pid);
extern bool label_copy(Registry *reg, const LockKey *key, int pid, Label *copy);

#endif							/* BOARD_H */
