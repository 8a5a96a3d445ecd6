/*-------------------------------------------------------------------------
 *
 * awaited.h
 *	  Telling that any one of several locks is awaited.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef AWAITED_H
#define AWAITED_H

#include "base/key.h"

extern void mark_awaited(const NamedLock *locks, int count);
extern void unmark_awaited(const NamedLock *locks, int count);
extern bool awaited_tag(const LOCKTAG *mark, LOCKTAG *tag);

#endif							/* AWAITED_H */
