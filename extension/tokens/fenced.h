/*-------------------------------------------------------------------------
 *
 * fenced.h
 *	  The newest token that a fence has seen.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef FENCED_H
#define FENCED_H

extern int64 newest_fenced_token(void);

#endif							/* FENCED_H */
