/*-------------------------------------------------------------------------
 *
 * evict.h
 *	  Making room for names in the registry.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVICT_H
#define EVICT_H

#include "registry/registry.h"

extern void evict_may(Registry *reg, Place place);
extern void evict_must_not(Registry *reg, Place place);
extern NameEntry *evict_name(Registry *reg);

#endif							/* EVICT_H */
