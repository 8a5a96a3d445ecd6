/*-------------------------------------------------------------------------
 *
 * job.h
 *	  The command as a job that a person stops and continues.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_JOB_H
#define WITHLOCK_JOB_H

#include "withlock/state.h"

/*
 * The command has stopped itself, or was stopped from the terminal: give it
 * what it stopped for, or stop with it.  True if the caller should now see
 * to it that the command goes on.
 */
extern bool job_stop(Run *run);

/* Note a signal and pass it on to the command, if that is still there. */
extern void job_pass_signal(Run *run, int signo);

/* Note a signal that asks withlock itself to end. */
extern void job_note_signal(Run *run, int signo);

#endif							/* WITHLOCK_JOB_H */
