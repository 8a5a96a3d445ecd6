/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  Open sessions, and say what came of it.
 *
 *	walk CONNINFO [WORD VALUE]...
 *
 * The words are timeout (ms), first (host), standby and pooler (1: allow),
 * probe (ms), lock (a name to wait for), rounds (how often to open) and leave
 * (ms after which the opening is given up).  The output has a line for each
 * thing that can be told, such as "result 0", and the error at the end.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char *const *words;

static int
number_of(const char *word, int otherwise)
{
	for (int i = 0; words[i] != NULL && words[i + 1] != NULL; i += 2)
	{
		if (strcmp(words[i], word) == 0)
			return atoi(words[i + 1]);
	}
	return otherwise;
}

static const char *
text_of(const char *word)
{
	for (int i = 0; words[i] != NULL && words[i + 1] != NULL; i += 2)
	{
		if (strcmp(words[i], word) == 0)
			return words[i + 1];
	}
	return NULL;
}

static int
open_descriptors(void)
{
	DIR		   *dir = opendir("/proc/self/fd");
	int			n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Poll until the opening is over, or it is time to leave. */
static advlock_result
wait_opened(advlock *h, int64_t leave_at)
{
	advlock_result r = advlock_status(h);

	while (r == ADVLOCK_WAITING && now_ms() < leave_at)
	{
		struct pollfd p = {.fd = advlock_socket(h),.events = advlock_events(h)};
		int			wait_ms = advlock_wait_ms(h);
		int64_t		left = leave_at - now_ms();

		(void) poll(&p, 1, wait_ms < 0 || wait_ms > left ? (int) left : wait_ms);
		r = advlock_poll(h);
	}
	return r;
}

static advlock_result
open_once(const advlock_open_options *o, advlock **h)
{
	int64_t		leave_at = now_ms() + number_of("leave", 600000);
	advlock_result r;

	*h = advlock_start_open(o);
	check(*h != NULL);
	r = wait_opened(*h, leave_at);
	if (r == ADVLOCK_OK && text_of("lock") != NULL)
		r = advlock_lock(*h, text_of("lock"), NULL);
	return r;
}

static void
tell(advlock *h, advlock_result r, int64_t ms)
{
	PGconn	   *conn = advlock_connection(h);

	printf("result %d\n", r);
	printf("status %d\n", advlock_status(h));
	printf("sqlstate %s\n", advlock_sqlstate(h));
	printf("may_pass %d\n", advlock_may_pass(h));
	printf("next %d\n", advlock_next_host(h));
	printf("ms %d\n", (int) ms);
	if (r == ADVLOCK_OK)
	{
		printf("host %s\n", PQhost(conn));
		printf("address %s\n", PQhostaddr(conn));
		printf("port %s\n", PQport(conn));
		printf("read_only %s\n", query_on(conn, "SHOW transaction_read_only", NULL));
	}
	printf("error %s\n", advlock_error(h));
}

int
main(int argc, char **argv)
{
	advlock_open_options o;
	int			before = open_descriptors();
	int			rounds;

	if (argc < 2)
		return 2;
	words = (const char *const *) argv + 2;
	advlock_open_options_init(&o);
	o.conninfo = argv[1];
	o.timeout_ms = number_of("timeout", -1);
	o.first_host = number_of("first", 0);
	o.allow_standby = number_of("standby", 0);
	o.allow_pooler = number_of("pooler", 0);
	o.probe_ms = number_of("probe", o.probe_ms);
	rounds = number_of("rounds", 1);
	while (rounds-- > 0)
	{
		int64_t		begin = now_ms();
		advlock    *h;
		advlock_result r = open_once(&o, &h);

		if (rounds == 0)
			tell(h, r, now_ms() - begin);
		begin = now_ms();
		advlock_close(h);
		if (rounds == 0)
			printf("close_ms %d\n", (int) (now_ms() - begin));
	}
	printf("leaked %d\n", open_descriptors() - before);
	return 0;
}
