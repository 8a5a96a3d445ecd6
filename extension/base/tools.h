/*-------------------------------------------------------------------------
 *
 * tools.h
 *	  Which program a key belongs to.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TOOLS_H
#define TOOLS_H

#include "base/formulas.h"

extern void visit_known_keys(KnownKeyVisitor visit, void *arg);
extern void prepare_tools(void);
extern const char *prepared_tool(LockKey key);
extern const char *tool_of_key(LockKey key);

#endif							/* TOOLS_H */
