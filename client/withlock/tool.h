/*-------------------------------------------------------------------------
 *
 * tool.h
 *	  Which key a tool has, and whose a key is: the extension knows.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_TOOL_H
#define WITHLOCK_TOOL_H

#include "withlock/withlock.h"

typedef enum ToolQuestion
{
	TOOL_NO_QUESTION,			/* the lock is known as it is */
	TOOL_ASKED,
	TOOL_FAILED					/* and why has been said */
} ToolQuestion;

/* Ask about the key of the options, on a session that is idle. */
extern ToolQuestion tool_ask(const Options *options, advlock *session);

/*
 * Take the answer, which may be an error or NULL: the lock is known, and has
 * the tool in its title.  Returns 0, or withlock's exit status after saying
 * what is wrong.
 */
extern int	tool_take(const Options *options, const PGresult *answer);

/* Both, waiting for the answer. */
extern int	tool_resolve(const Options *options, advlock *session);

#endif							/* WITHLOCK_TOOL_H */
