/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings advisory_lock.*
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef SETTINGS_H
#define SETTINGS_H

/* advisory_lock.allow_standby: lock on a standby, among its own sessions */
extern bool allow_standby;

/* advisory_lock.lock_delay: ms that others are kept off after a lost session */
extern int	lock_delay;

/* advisory_lock.max_names: names that the registry has room for */
extern int	max_names;

/* advisory_lock.track: keep names and statistics */
extern bool track;

extern void define_settings(void);

#endif							/* SETTINGS_H */
