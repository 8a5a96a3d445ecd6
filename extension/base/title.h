/*-------------------------------------------------------------------------
 *
 * title.h
 *	  What a lock is called in messages.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef TITLE_H
#define TITLE_H

#include "base/key.h"

extern char *lock_title(const NamedLock *lock);
extern char *prepared_title(const NamedLock *lock);

#endif							/* TITLE_H */
