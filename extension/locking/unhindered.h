/*-------------------------------------------------------------------------
 *
 * unhindered.h
 *	  An acquire with nothing in its way.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNHINDERED_H
#define UNHINDERED_H

#include "base/key.h"
#include "base/mode.h"

extern bool acquire_unhindered(const NamedLock *lock, LockForm form, int64 *token);

#endif							/* UNHINDERED_H */
