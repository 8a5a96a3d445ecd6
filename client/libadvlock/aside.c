/*-------------------------------------------------------------------------
 *
 * aside.c
 *	  A call that may block for long, without waiting for it.
 *
 * The thread lives no longer than the call.  It shares nothing with us but
 * what the call works on: whoever of the two is done with that last frees it,
 * so nobody ever waits for the thread.  A child process would show in the
 * caller's wait().
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "libadvlock/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void
drop(advl_aside *a)
{
	if (__atomic_sub_fetch(&a->users, 1, __ATOMIC_ACQ_REL) == 0)
		a->release(a);
}

static void *
run(void *arg)
{
	advl_aside *a = arg;
	int			its_end = a->its_end;

	a->call(a);
	__atomic_store_n(&a->over, 1, __ATOMIC_RELEASE);
	drop(a);
	close(its_end);
	return NULL;
}

/* Signals are for the caller's threads.  Returns an error number. */
static int
start_thread(advl_aside *a)
{
	sigset_t	all,
				before;
	pthread_t	thread;
	int			error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_detach(thread);
	return error;
}

int
advl_aside_start(advl_aside *a, void (*call) (advl_aside *a),
				 void (*release) (advl_aside *a))
{
	int			ends[2];
	int			error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	*a = (advl_aside) {.users = 2,.our_end = ends[0],.its_end = ends[1],
	.call = call,.release = release};
	error = start_thread(a);
	if (error != 0)
	{
		close(ends[0]);
		close(ends[1]);
	}
	return error;
}

bool
advl_aside_is_over(const advl_aside *a)
{
	return __atomic_load_n(&a->over, __ATOMIC_ACQUIRE) != 0;
}

void
advl_aside_end(advl_aside *a)
{
	close(a->our_end);
	drop(a);
}
