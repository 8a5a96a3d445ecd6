/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  Cancel a wait, without being held up by a server that does not answer.
 *
 * PQcancel() blocks until the server has taken the request, and one that is
 * stopped never does, although the kernel accepts connections for it.  So a
 * connection of our own asks for a sign of life first: every server answers
 * the question for TLS with one byte, before anything else.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libadvlock/internal.h"

/* How long it may take of the time that there is. */
#define SIGN_OF_LIFE_MS 500

static bool
becomes_ready(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd,.events = events};

	return poll(&p, 1, advl_remaining(deadline)) == 1 && (p.revents & events) != 0;
}

static bool
answers(int fd, int64_t deadline)
{
	static const unsigned char question[] = {0, 0, 0, 8, 4, 210, 22, 47};
	char		answer;

	return becomes_ready(fd, POLLOUT, deadline) &&
		send(fd, question, sizeof(question), MSG_NOSIGNAL) == sizeof(question) &&
		becomes_ready(fd, POLLIN, deadline) &&
		recv(fd, &answer, 1, 0) == 1;
}

/* Does the server at the other end of the socket take connections? */
static bool
is_alive(int socket_fd, int64_t deadline)
{
	struct sockaddr_storage address;
	socklen_t	length = sizeof(address);
	bool		alive;
	int			fd;

	if (getpeername(socket_fd, (struct sockaddr *) &address, &length) != 0)
		return false;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	(void) connect(fd, (struct sockaddr *) &address, length);
	alive = answers(fd, deadline);
	close(fd);
	return alive;
}

/* Cancel what the session does; false if that cannot be had quickly. */
bool
advl_cancel(PGconn *conn)
{
	PGcancel   *cancel;
	char		reason[256];
	bool		sent;

	if (!is_alive(PQsocket(conn), advl_deadline(SIGN_OF_LIFE_MS)))
		return false;
	cancel = PQgetCancel(conn);
	sent = cancel != NULL && PQcancel(cancel, reason, sizeof(reason));
	PQfreeCancel(cancel);
	return sent;
}
