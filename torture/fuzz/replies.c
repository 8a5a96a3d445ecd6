/*-------------------------------------------------------------------------
 *
 * replies.c
 *	  Fuzz libadvlock with whatever a server can answer.
 *
 *	  The input says what the program calls, and what the server answers.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libadvlock/advlock.h"
#include "fake_libpq.h"

#define MOST_CALLS 20
#define MOST_POLLS 50

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
finish(advlock *h, advlock_result result)
{
	for (int i = 0; i < MOST_POLLS && result == ADVLOCK_WAITING; i++)
		result = advlock_poll(h);
	(void) advlock_error(h);
	(void) advlock_sqlstate(h);
	(void) advlock_notice(h);
}

static advlock_result
lock(advlock *h, const char *name)
{
	advlock_options options;
	int			bits = fake_byte();

	advlock_options_init(&options);
	options.shared = bits > 0 && (bits & 1);
	options.permits = bits > 0 && (bits & 2) ? bits >> 4 : 0;
	options.timeout_ms = bits > 0 && (bits & 4) ? 0 : -1;
	options.lock_delay_ms = bits > 0 && (bits & 8) ? 100 : -1;
	return advlock_start_lock(h, name, &options);
}

static advlock_result
call(advlock *h, int which, const char *name)
{
	const char *names[] = {name, "b", "a"};

	switch (which % 6)
	{
		case 0:
			return lock(h, name);
		case 1:
			return advlock_start_lock_many(h, names, 3, NULL);
		case 2:
			return advlock_start_unlock(h, name);
		case 3:
			return advlock_start_check(h);
		default:
			(void) advlock_token(h, name);
			(void) advlock_permit(h, name);
			return advlock_poll(h);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int			fds[2];
	advlock_open_options options;
	PGconn	   *conn;
	advlock    *h;
	int			which;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 || write(fds[1], "x", 1) != 1)
		abort();
	fake_input(data, size);
	advlock_open_options_init(&options);
	which = fake_byte();
	options.transaction = which > 0 && (which & 1);
	options.allow_pooler = which > 0 && (which & 2);
	options.allow_standby = which > 0 && (which & 4);
	conn = fake_connection(fds[0]);
	h = advlock_start_attach(conn, &options);
	finish(h, advlock_poll(h));
	for (int i = 0; i < MOST_CALLS && (which = fake_byte()) >= 0; i++)
	{
		char	   *name = which & 64 ? fake_text() : NULL;

		finish(h, call(h, which, name ? name : "a"));
		free(name);
	}
	advlock_close(h);
	PQfinish(conn);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
