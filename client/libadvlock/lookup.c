/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  All addresses of a host name, without blocking.
 *
 * getaddrinfo() blocks, for a minute if name servers are silent, and cannot be
 * interrupted.  So it is called in a thread of its own, which lives no longer
 * than the call.  It shares nothing with us but the lookup: whoever of the two
 * is done with that last frees it, so nobody ever waits for the thread.  A
 * child process would show in the caller's wait(), and getaddrinfo_a() keeps
 * threads of its own and cannot be given up either.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libadvlock/lookup.h"

struct advl_lookup
{
	int			users;			/* we, and the thread */
	int			over;
	int			our_end;		/* of a pipe that the thread closes when done */
	int			its_end;
	int			error;			/* as getaddrinfo() and errno say it */
	int			system_error;
	struct addrinfo *addresses;
	char		name[];
};

static int
get_addresses(const char *name, int flags, struct addrinfo **addresses)
{
	struct addrinfo hint = {.ai_flags = flags,.ai_socktype = SOCK_STREAM};

	int			error;

	*addresses = NULL;
	error = getaddrinfo(name, NULL, &hint, addresses);
	if (error != 0)
		*addresses = NULL;
	return error;
}

bool
advl_is_name(const char *host)
{
	struct addrinfo *addresses;

	if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
		return false;
	if (get_addresses(host, AI_NUMERICHOST, &addresses) != 0)
		return true;
	freeaddrinfo(addresses);
	return false;
}

static void
drop(advl_lookup *lookup)
{
	if (__atomic_sub_fetch(&lookup->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (lookup->addresses != NULL)
		freeaddrinfo(lookup->addresses);
	free(lookup);
}

static void *
run(void *arg)
{
	advl_lookup *lookup = arg;
	int			its_end = lookup->its_end;

	lookup->error = get_addresses(lookup->name, 0, &lookup->addresses);
	lookup->system_error = errno;
	__atomic_store_n(&lookup->over, 1, __ATOMIC_RELEASE);
	drop(lookup);
	close(its_end);
	return NULL;
}

/* Signals are for the caller's threads.  Returns an error number. */
static int
start_thread(advl_lookup *lookup)
{
	sigset_t	all,
				before;
	pthread_t	thread;
	int			error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, run, lookup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_detach(thread);
	return error;
}

advl_lookup *
advl_lookup_start(const char *name)
{
	advl_lookup *lookup = calloc(1, sizeof(advl_lookup) + strlen(name) + 1);
	int			ends[2];
	int			error;

	if (lookup == NULL)
		return NULL;
	strcpy(lookup->name, name);
	if (pipe2(ends, O_CLOEXEC) < 0)
	{
		free(lookup);
		return NULL;
	}
	lookup->users = 2;
	lookup->our_end = ends[0];
	lookup->its_end = ends[1];
	error = start_thread(lookup);
	if (error != 0)
	{
		close(ends[0]);
		close(ends[1]);
		free(lookup);
		errno = error;
		return NULL;
	}
	return lookup;
}

int
advl_lookup_fd(const advl_lookup *lookup)
{
	return lookup->our_end;
}

bool
advl_lookup_is_over(const advl_lookup *lookup)
{
	return __atomic_load_n(&lookup->over, __ATOMIC_ACQUIRE) != 0;
}

int
advl_lookup_count(const advl_lookup *lookup)
{
	int			n = 0;

	for (const struct addrinfo *a = lookup->addresses; a != NULL; a = a->ai_next)
		n++;
	return n;
}

const char *
advl_lookup_address(const advl_lookup *lookup, int i, char *buf, size_t size)
{
	const struct addrinfo *a = lookup->addresses;

	while (i-- > 0)
		a = a->ai_next;
	if (getnameinfo(a->ai_addr, a->ai_addrlen, buf, size, NULL, 0, NI_NUMERICHOST) != 0)
		return NULL;
	return buf;
}

const char *
advl_lookup_reason(const advl_lookup *lookup, char *buf, size_t size)
{
	if (lookup->error == EAI_SYSTEM)
		return strerror_r(lookup->system_error, buf, size);
	return gai_strerror(lookup->error);
}

void
advl_lookup_end(advl_lookup *lookup)
{
	if (lookup == NULL)
		return;
	close(lookup->our_end);
	drop(lookup);
}
