/*-------------------------------------------------------------------------
 *
 * labels.h
 *	  Names that an administrator gives to keys.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef LABELS_H
#define LABELS_H

#include "utils/hsearch.h"

#include "base/key.h"

extern HTAB *all_key_labels(void);
extern Datum find_key_label(HTAB *labels, LockKey key);

#endif							/* LABELS_H */
