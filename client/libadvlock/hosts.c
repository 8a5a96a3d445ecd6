/*-------------------------------------------------------------------------
 *
 * hosts.c
 *	  Walk the hosts of a connection string.
 *
 * libpq can do that, but knows no limit of time for one host then: the first
 * that accepts connections and stays silent would have all of it.  So libpq is
 * given one address at a time, with the name that belongs to it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

#include "libadvlock/connect.h"
#include "libadvlock/failures.h"
#include "libadvlock/hosts.h"
#include "libadvlock/lookup.h"
#include "libadvlock/params.h"

/* The time of an attempt when nothing else limits it. */
#define ATTEMPT_MS 5000

struct advl_hosts
{
	advl_params params;
	advl_failures failures;
	int			count;			/* of entries in the list */
	int			passes;			/* how often the list is gone through */
	int			begun;			/* entries begun, in all passes */
	int		   *order;			/* in which they are tried */

	/* The entry in hand. */
	advl_text	host;
	advl_text	hostaddr;
	advl_text	port;
	advl_lookup *lookup;		/* of the host's addresses, or NULL */
	int		   *address_order;
	int			addresses;
	int			addresses_begun;
};

/* === The list === */

static int
count_elements(const char *list)
{
	int			n = 1;

	for (; *list != '\0'; list++)
		n += *list == ',';
	return n;
}

/* Element i, from 0; a list of one stands for all, as libpq's ports do. */
static void
take_element(advl_text *element, const advl_text *list, int i)
{
	const char *s = advl_text_str(list);

	advl_text_reset(element);
	if (count_elements(s) == 1)
		i = 0;
	while (i-- > 0)
		s = strchr(s, ',') + 1;
	advl_text_appendf(element, "%.*s", (int) strcspn(s, ","), s);
}

static int
random_below(int limit)
{
	unsigned	number = 0;

	/* Without a random number it is another order, no failure. */
	(void) !getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return (int) (number % (unsigned) limit);
}

/*
 * The numbers below count, from first on and around, or in any order, each as
 * likely as the other.  The caller's to free; NULL without memory.
 */
static int *
make_order(int count, int first, bool shuffle)
{
	int		   *order = calloc(count, sizeof(int));

	for (int i = 0; order != NULL && i < count; i++)
	{
		int			j = shuffle ? random_below(i + 1) : i;

		order[i] = order[j];
		order[j] = (first + i) % count;
	}
	return order;
}

static int
entries_left(const advl_hosts *w)
{
	return w->count * w->passes - w->begun;
}

static int
addresses_left(const advl_hosts *w)
{
	return w->addresses - w->addresses_begun;
}

/* === Time === */

/*
 * Of the attempt that has just begun: what the connection string says, else a
 * fair share of what is left for all, else a limit of our own.
 */
static int64_t
attempt_deadline(const advlock *h)
{
	const advl_hosts *w = h->hosts;
	int			left = advl_remaining(h->open_deadline);
	int			ms = w->params.timeout_ms;

	if (ms < 0)
		ms = left < 0 ? ATTEMPT_MS : left / (1 + addresses_left(w) + entries_left(w));
	else if (ms == 0 || (left >= 0 && ms > left))
		ms = left;
	return advl_deadline(ms);
}

/* === One attempt === */

/*
 * The servers' role that libpq looks for.  A standby is no use to who would
 * refuse it later.
 */
static const char *
target(const advlock *h)
{
	const advl_hosts *w = h->hosts;
	const char *wanted = advl_text_str(&w->params.target);

	if (strcmp(wanted, "prefer-standby") == 0)
		return w->begun <= w->count ? "standby" : "any";
	return strcmp(wanted, "any") == 0 && !h->options.allow_standby ? "primary" : wanted;
}

/* With hostaddr the name is no more looked up, but still verified. */
static advlock_result
attempt(advlock *h, const char *hostaddr)
{
	const advl_hosts *w = h->hosts;
	advl_text	conninfo = {0};
	advlock_result r;

	advl_text_append(&conninfo, advl_text_str(&w->params.common));
	advl_params_append(&conninfo, "host", advl_text_str(&w->host));
	advl_params_append(&conninfo, "hostaddr", hostaddr);
	advl_params_append(&conninfo, "port", advl_text_str(&w->port));
	advl_params_append(&conninfo, "target_session_attrs", target(h));
	h->attempt_deadline = attempt_deadline(h);
	if (conninfo.broken)
		r = advl_no_memory(h);
	else
		r = advl_start_connect(h, conninfo.data);
	advl_text_free(&conninfo);
	return r;
}

static advlock_result
attempt_address(advlock *h)
{
	advl_hosts *w = h->hosts;
	char		buf[64];
	const char *address = advl_lookup_address(w->lookup, w->address_order[w->addresses_begun++],
											  buf, sizeof(buf));

	if (address == NULL)
		return advl_fail(h, ADVLOCK_CONNECTION, "could not use an address of host \"%s\"",
						 w->host.data);
	return attempt(h, address);
}

/* === Names === */

static void
forget_addresses(advl_hosts *w)
{
	advl_lookup_end(w->lookup);
	w->lookup = NULL;
	free(w->address_order);
	w->address_order = NULL;
	w->addresses = w->addresses_begun = 0;
}

/* That may pass: a name can be made public when its server is up. */
static advlock_result
lookup_failed(advlock *h, const char *reason)
{
	(void) advl_fail(h, ADVLOCK_CONNECTION, "could not find an address of host \"%s\": %s",
					 h->hosts->host.data, reason);
	h->may_pass = true;
	return ADVLOCK_CONNECTION;
}

/* The lookup is over, or its time is. */
static advlock_result
looked_up(advlock *h)
{
	advl_hosts *w = h->hosts;
	char		reason[128];

	if (!advl_lookup_is_over(w->lookup))
		return lookup_failed(h, "timeout expired");
	w->addresses = advl_lookup_count(w->lookup);
	if (w->addresses == 0)
		return lookup_failed(h, advl_lookup_reason(w->lookup, reason, sizeof(reason)));
	w->address_order = make_order(w->addresses, 0, w->params.shuffle);
	if (w->address_order == NULL)
		return advl_no_memory(h);
	return attempt_address(h);
}

static advlock_result
look_up(advlock *h)
{
	advl_hosts *w = h->hosts;

	h->attempt_deadline = attempt_deadline(h);
	w->lookup = advl_lookup_start(w->host.data);
	if (w->lookup == NULL)
		return errno == ENOMEM ? advl_no_memory(h) : lookup_failed(h, strerror(errno));
	return advl_wait_fd(h, advl_lookup_fd(w->lookup), POLLIN, h->attempt_deadline, looked_up);
}

/* === The walk === */

static advlock_result
attempt_entry(advlock *h)
{
	advl_hosts *w = h->hosts;
	int			entry = w->order[w->begun++ % w->count];

	forget_addresses(w);
	h->host = entry;
	h->next_host = (entry + 1) % w->count;
	take_element(&w->host, &w->params.hosts, entry);
	take_element(&w->hostaddr, &w->params.hostaddrs, entry);
	take_element(&w->port, &w->params.ports, entry);
	if (w->host.broken || w->hostaddr.broken || w->port.broken)
		return advl_no_memory(h);
	if (w->hostaddr.len == 0 && advl_is_name(w->host.data))
		return look_up(h);
	return attempt(h, w->hostaddr.data);
}

/* Whose failure it was. */
static void
add_failure(advlock *h, advlock_result r)
{
	advl_hosts *w = h->hosts;
	const char *host = w->host.len > 0 ? w->host.data : w->hostaddr.data;

	advl_failures_add(&w->failures, h, r, host, w->port.data);
}

static advlock_result
give_up(advlock *h)
{
	h->status = advl_failures_report(&h->hosts->failures, h);
	advl_hosts_free(h);
	return h->status;
}

/* Go on until one attempt is under way, or all have failed. */
static advlock_result
next_attempt(advlock *h)
{
	const advl_hosts *w = h->hosts;

	while (addresses_left(w) > 0 || entries_left(w) > 0)
	{
		advlock_result r;

		if (w->failures.out_of_memory || advl_remaining(h->open_deadline) == 0)
			break;
		r = addresses_left(w) > 0 ? attempt_address(h) : attempt_entry(h);
		if (r == ADVLOCK_WAITING)
			return r;
		add_failure(h, r);
	}
	return give_up(h);
}

static advlock_result
attempt_ended(advlock *h, advlock_result r)
{
	if (r == ADVLOCK_OK)
	{
		advl_hosts_free(h);
		return r;
	}
	add_failure(h, r);
	return next_attempt(h);
}

static bool
init(advlock *h, const advlock_open_options *o)
{
	advl_hosts *w = h->hosts;
	const advl_text *list;
	int			first = o->first_host < 0 ? 0 : o->first_host;

	if (!advl_params_expand(h, o, &w->params))
		return false;
	list = w->params.hostaddrs.len > 0 ? &w->params.hostaddrs : &w->params.hosts;
	w->count = count_elements(advl_text_str(list));
	w->passes = strcmp(advl_text_str(&w->params.target), "prefer-standby") == 0 ? 2 : 1;
	w->order = make_order(w->count, first % w->count, w->params.shuffle);
	if (w->order == NULL)
		h->status = advl_no_memory(h);
	return w->order != NULL;
}

advlock_result
advl_start_hosts(advlock *h, const advlock_open_options *o)
{
	h->hosts = calloc(1, sizeof(advl_hosts));
	if (h->hosts == NULL)
		return h->status = advl_no_memory(h);
	if (!init(h, o))
	{
		advl_hosts_free(h);
		return h->status;
	}
	h->on_end = attempt_ended;
	return next_attempt(h);
}

void
advl_hosts_free(advlock *h)
{
	advl_hosts *w = h->hosts;

	h->on_end = NULL;
	h->hosts = NULL;
	if (w == NULL)
		return;
	forget_addresses(w);
	advl_params_free(&w->params);
	advl_failures_free(&w->failures);
	advl_text_free(&w->host);
	advl_text_free(&w->hostaddr);
	advl_text_free(&w->port);
	free(w->order);
	free(w);
}
