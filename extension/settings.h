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

extern void define_settings(void);

#endif							/* SETTINGS_H */
