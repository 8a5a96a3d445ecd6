/*-------------------------------------------------------------------------
 *
 * library.c
 *	  Programs that lock by libadvlock, blocking and polled.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "advlock.h"
#include "history.h"

/* Goes on until the operation is over, as a program with a loop would. */
static advlock_result
finish(advlock *h, advlock_result result)
{
	while (result == ADVLOCK_WAITING)
	{
		struct pollfd pfd = {.fd = advlock_socket(h), .events = advlock_events(h)};

		poll(&pfd, pfd.fd >= 0, advlock_wait_ms(h));
		result = advlock_poll(h);
	}
	return result;
}

static advlock *
open_session(const Orders *orders, bool polled)
{
	advlock_open_options options;
	advlock    *h;

	advlock_open_options_init(&options);
	options.conninfo = orders->conninfo;
	options.application_name = orders->way;
	options.timeout_ms = 5000;
	options.probe_ms = 1000;
	h = polled ? advlock_start_open(&options) : advlock_open_with(&options);
	if (polled)
		finish(h, advlock_status(h));
	if (advlock_status(h) == ADVLOCK_OK)
		return h;
	advlock_close(h);
	usleep(50000);
	return NULL;
}

static advlock_result
take(advlock *h, const Orders *orders, bool polled, const char *name)
{
	advlock_options options;

	advlock_options_init(&options);
	if (orders->delayed)
		options.lock_delay_ms = LOCK_DELAY_MS;
	if (chance(4) == 0)
		options.timeout_ms = chance(50);
	if (polled)
		return finish(h, advlock_start_lock(h, name, &options));
	return advlock_lock(h, name, &options);
}

/* The lock is held at the time of the question when the answer is yes. */
static advlock_result
check(advlock *h, bool polled, const char *name, int64_t token)
{
	int64_t		asked = history_now();
	advlock_result result = polled ? finish(h, advlock_start_check(h)) : advlock_check(h);

	if (result == ADVLOCK_OK)
		history_event_at(asked, "verified", name, token, advlock_backend_pid(h), "");
	return result;
}

static void
give_back(advlock *h, bool polled, const char *name, int64_t token)
{
	int			process = advlock_backend_pid(h);
	advlock_result result;

	history_event("release", name, token, process, "");
	result = polled ? finish(h, advlock_start_unlock(h, name)) : advlock_unlock(h, name);
	history_event(result == ADVLOCK_OK ? "released" : "gone", name, token, process, "");
}

/* One operation; false when the session is over. */
static bool
operate(advlock *h, const Orders *orders, bool polled)
{
	const char *name = orders->names[chance(orders->name_count)];
	advlock_result result;
	int64_t		token;

	history_next_op();
	history_event("invoke", name, 0, advlock_backend_pid(h), orders->way);
	result = take(h, orders, polled, name);
	if (result != ADVLOCK_OK)
	{
		history_event("failed", name, 0, advlock_backend_pid(h), advlock_result_text(result));
		return advlock_status(h) == ADVLOCK_OK;
	}
	token = advlock_token(h, name);
	history_event("held", name, token, advlock_backend_pid(h), orders->way);
	if (work(orders, advlock_connection(h), advlock_connection(h), name, token) == WORKED_LOST ||
		check(h, polled, name, token) == ADVLOCK_LOST)
	{
		history_event("lost", name, token, 0, advlock_error(h)[0] ? "said" : "seen");
		return false;
	}
	give_back(h, polled, name, token);
	return advlock_status(h) == ADVLOCK_OK;
}

void
run_library(const Orders *orders)
{
	bool		polled = strcmp(orders->way, "lib-polled") == 0;
	advlock    *h = NULL;

	while (!stopping)
	{
		if (h == NULL)
			h = open_session(orders, polled);
		if (h && !operate(h, orders, polled))
		{
			advlock_close(h);
			h = NULL;
		}
	}
	advlock_close(h);
}
