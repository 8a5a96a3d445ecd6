/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  All addresses of a host name, without blocking.
 *
 * getaddrinfo() blocks, for a minute if name servers are silent, and cannot be
 * interrupted; getaddrinfo_a() keeps threads of its own and cannot be given up
 * either.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "libadvlock/aside.h"
#include "libadvlock/lookup.h"

struct advl_lookup
{
	advl_aside	aside;
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
look_up(advl_aside *a)
{
	advl_lookup *lookup = (advl_lookup *) a;

	lookup->error = get_addresses(lookup->name, 0, &lookup->addresses);
	lookup->system_error = errno;
}

static void
release(advl_aside *a)
{
	advl_lookup *lookup = (advl_lookup *) a;

	if (lookup->addresses != NULL)
		freeaddrinfo(lookup->addresses);
	free(lookup);
}

advl_lookup *
advl_lookup_start(const char *name)
{
	advl_lookup *lookup = calloc(1, sizeof(advl_lookup) + strlen(name) + 1);
	int			error;

	if (lookup == NULL)
		return NULL;
	strcpy(lookup->name, name);
	error = advl_aside_start(&lookup->aside, look_up, release);
	if (error == 0)
		return lookup;
	free(lookup);
	errno = error;
	return NULL;
}

int
advl_lookup_fd(const advl_lookup *lookup)
{
	return lookup->aside.our_end;
}

bool
advl_lookup_is_over(const advl_lookup *lookup)
{
	return advl_aside_is_over(&lookup->aside);
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
	if (lookup != NULL)
		advl_aside_end(&lookup->aside);
}
