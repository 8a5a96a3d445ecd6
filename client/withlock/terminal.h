/*-------------------------------------------------------------------------
 *
 * terminal.h
 *	  Who has the terminal: withlock's process group or the command's.
 *
 * The command has a process group of its own, so it can read the terminal
 * and gets Ctrl-C and Ctrl-Z from it only while its group is the foreground
 * one.  In an interactive job it gets the terminal at once; elsewhere, as in
 * a pipeline or a script, when it asks by reading it.  As long as withlock
 * has it, Ctrl-C reaches withlock, which forwards it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_TERMINAL_H
#define WITHLOCK_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "withlock/child.h"

typedef struct Terminal
{
	int			fd;				/* the controlling terminal, -1: none */
	bool		eager;			/* hand it over without being asked */
} Terminal;

extern void terminal_init(Terminal *terminal);

/* The descriptor to hand over as the command starts, -1 for none. */
extern int	terminal_for_start(const Terminal *terminal);

/* Does withlock's process group have the terminal? */
extern bool terminal_is_ours(const Terminal *terminal);

/* Give the terminal to the command's group, if it is ours to give. */
extern void terminal_give(const Terminal *terminal, const Child *child);

/* Take it back, if the command's group has it; true if it had. */
extern bool terminal_take_back(const Terminal *terminal, const Child *child);

/* After a resumption: give it as at the start. */
extern void terminal_give_again(const Terminal *terminal, const Child *child);

/*
 * Stop withlock by a stop signal of job control.  Returns true when it has
 * been continued; false if it was not stopped, because nobody could continue
 * it (the kernel discards these signals in an orphaned process group, such as
 * a session leader's) or because the signal is ignored.
 */
extern bool terminal_stop_self(int signo);

/*
 * The same for everything in withlock's process group, so that the shell sees
 * the whole job stopped.
 */
extern bool terminal_stop_job(int signo);

#endif							/* WITHLOCK_TERMINAL_H */
