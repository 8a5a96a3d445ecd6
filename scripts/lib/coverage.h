/*
 * coverage.h
 *		For scripts/coverage: what a process has counted is written by exit(),
 *		so write it before the ends that do without.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include <signal.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern void __gcov_reset(void);

#define _exit(status) (__gcov_dump(), _exit(status))
/* It may go on afterwards, and count again. */
#define raise(signo) (__gcov_dump(), __gcov_reset(), raise(signo))

#endif							/* COVERAGE_H */
