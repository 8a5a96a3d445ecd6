/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  Is the server that we wait for still there?
 *
 * A session that waits for a lock hears nothing from a server that works, and
 * nothing from one whose processes are all stopped, or whose container is
 * paused: the kernel goes on acknowledging.  So now and then a second
 * connection is made to the same address, and the server asked whether it
 * speaks TLS.  The answer is one byte; it takes a process of the server's to
 * give it, but no authentication and no slot, so a server that is full answers
 * too, and its log stays silent.  Any other answer, a refusal even, is a sign
 * of life as well: only silence is not.
 *
 * A pooler would answer for itself, so none is asked.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libadvlock/probe.h"

/* How often to look for the answer, once it is asked for. */
#define LOOK_EVERY_MS 100

/* libpq's SSLRequest: its length and its code. */
static const uint32_t request[2] = {8, 80877103};

typedef union address
{
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
} address;

/* Between two thirds and four thirds, so that not all waiters come at once. */
static int
jitter(int ms)
{
	unsigned	number = 0;

	(void) !getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return (int) (ms / 3 * 2 + number % (ms / 3 * 2 + 1));
}

static bool
is_wanted(const advlock *h)
{
	return h->own_conn && h->options.probe_ms > 0 && h->pid == h->client_pid;
}

static void
close_socket(advl_probe *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->asked = false;
}

void
advl_probe_end(advlock *h)
{
	close_socket(&h->probe);
	h->probe.at = h->probe.by = NEVER;
}

void
advl_probe_begin(advlock *h)
{
	advl_probe_end(h);
	if (is_wanted(h))
		h->probe.at = advl_deadline(jitter(h->options.probe_ms));
}

/*
 * The name a socket was bound to is the server's name of it; in a container
 * of its own, ours is another.
 */
static socklen_t
socket_address(const PGconn *conn, struct sockaddr_un *un)
{
	int			n = snprintf(un->sun_path, sizeof(un->sun_path), "%s/.s.PGSQL.%s",
							 PQhost(conn), PQport(conn));

	if (n < 0 || n >= (int) sizeof(un->sun_path))
		return 0;
	if (un->sun_path[0] == '@')
		un->sun_path[0] = '\0';
	else
		n++;
	return offsetof(struct sockaddr_un, sun_path) + n;
}

/* The address that the session is connected to; 0: cannot be told. */
static socklen_t
server_address(const PGconn *conn, address *a)
{
	socklen_t	length = sizeof(*a);

	if (getpeername(PQsocket(conn), &a->any, &length) < 0)
		return 0;
	return a->any.sa_family == AF_UNIX ? socket_address(conn, &a->un) : length;
}

/* Returns false with errno set, also while the connection is being made. */
static bool
open_socket(advlock *h)
{
	address		a;
	socklen_t	length = server_address(h->conn, &a);
	int			fd;

	errno = ENOTCONN;
	if (length == 0)
		return false;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	h->probe.fd = fd;
	return connect(fd, &a.any, length) == 0;
}

/*
 * Whatever came of it, the server is not silent.  What it has said is taken,
 * so that it does not find its words refused and log that.
 */
static bool
answered(advlock *h)
{
	char		answer[64];

	if (h->probe.asked)
		(void) !recv(h->probe.fd, answer, sizeof(answer), 0);
	advl_probe_begin(h);
	return true;
}

/* A socket whose queue is full says EAGAIN: nobody accepts from it just now. */
static bool
start(advlock *h)
{
	if (h->probe.by == NEVER)
		h->probe.by = advl_deadline(h->options.probe_ms);
	if (open_socket(h) || errno == EINPROGRESS)
		return true;
	if (errno != EAGAIN)
		return answered(h);
	close_socket(&h->probe);
	return advl_remaining(h->probe.by) != 0;
}

static bool
ask(advlock *h)
{
	uint32_t	message[2] = {htonl(request[0]), htonl(request[1])};

	if (send(h->probe.fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		return answered(h);
	h->probe.asked = true;
	h->probe.by = advl_deadline(h->options.probe_ms);
	return true;
}

static bool
is_ready(int fd, int events)
{
	struct pollfd p = {.fd = fd,.events = events};

	return poll(&p, 1, 0) > 0;
}

/*
 * The socket first, then the clock: we may have been stopped ourselves.
 */
bool
advl_probe_go_on(advlock *h)
{
	advl_probe *p = &h->probe;

	if (advl_remaining(p->at) != 0)
		return true;
	if (p->fd < 0)
		return start(h);
	if (is_ready(p->fd, p->asked ? POLLIN : POLLOUT))
		return p->asked ? answered(h) : ask(h);
	return advl_remaining(p->by) != 0;
}

int
advl_probe_wait_ms(const advlock *h)
{
	int			left = advl_remaining(h->probe.at);

	return left == 0 ? LOOK_EVERY_MS : left;
}
