/*-------------------------------------------------------------------------
 *
 * speaker.h
 *	  What writes withlock's words to stderr.
 *
 * A full pipe, a terminal stopped by Ctrl-S or a hung file system can block
 * a write for ever, and stderr cannot be made non-blocking: others share its
 * description.  While withlock runs a command, or is on its way there, the
 * words therefore go to a process of their own, which is started by the
 * first of them.  What it has no room for is dropped.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_SPEAKER_H
#define WITHLOCK_SPEAKER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/* How long words are waited for where their place matters. */
#define SPEAKER_PATIENCE_MS 200

/*
 * From now on never block on stderr; before, words are written directly.
 * Signals must be blocked.
 */
extern void speaker_start(void);

/* Write the words, all of them or none. */
extern void speaker_say(const char *words, size_t size);

/* Is anything said that has not been written yet? */
extern bool speaker_is_behind(void);

/* What to poll to learn that it has been; its fd is -1 if all has. */
extern struct pollfd speaker_pollfd(void);

/* Wait until all has been written, or its patience is over. */
extern void speaker_wait(void);

/* The same, and then end the process. */
extern void speaker_finish(void);

#endif							/* WITHLOCK_SPEAKER_H */
