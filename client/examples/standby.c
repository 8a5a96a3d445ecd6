/*
 * standby.c
 *	  Wait for a lock in a loop that has other things to do as well, and learn
 *	  at once when it is lost.
 *
 *	cc standby.c $(pkg-config --cflags --libs advlock) -o standby
 *	./standby "dbname=shop"
 *
 * Start it twice: one leads, the other stands by.  A line on standard input
 * is answered at any time; the end of the input ends the program.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <advlock.h>

/* What the program is about to learn from advlock_poll(). */
typedef enum state
{
	CONNECTING,
	WAITING,
	LEADING
} state;

static const char *const state_names[] = {"connecting", "waiting", "leading"};

static void
enter(state *s, state next)
{
	*s = next;
	printf("%s\n", state_names[next]);
	fflush(stdout);
}

/* Answer a line; 0 at the end of the input. */
static int
read_input(state s)
{
	char		buf[100];
	ssize_t		n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n > 0)
	{
		printf("still %s\n", state_names[s]);
		fflush(stdout);
	}
	return n > 0;
}

/* The operation under way is over, or the session that leads says something. */
static advlock_result
advance(advlock *h, state *s)
{
	advlock_result r = advlock_poll(h);

	if (r == ADVLOCK_OK && *s == WAITING)
		enter(s, LEADING);
	if (r == ADVLOCK_OK && *s == CONNECTING)
	{
		enter(s, WAITING);
		r = advlock_start_lock(h, "leader", NULL);
	}
	return r;
}

int
main(int argc, char **argv)
{
	advlock_open_options o;
	advlock    *h;
	advlock_result r;
	state		s;
	int			more_input = 1;

	advlock_open_options_init(&o);
	o.conninfo = argc > 1 ? argv[1] : NULL;
	h = advlock_start_open(&o);
	enter(&s, CONNECTING);
	r = advlock_poll(h);
	while (more_input && (r == ADVLOCK_WAITING || r == ADVLOCK_OK))
	{
		struct pollfd fds[2] = {
			{.fd = advlock_socket(h),.events = (short) advlock_events(h)},
			{.fd = STDIN_FILENO,.events = POLLIN}
		};

		(void) poll(fds, 2, advlock_wait_ms(h));
		if (fds[1].revents != 0)
			more_input = read_input(s);
		r = advance(h, &s);
	}
	if (more_input)
		fprintf(stderr, "%s: %s\n", advlock_result_text(r), advlock_error(h));
	advlock_close(h);
	return more_input ? EXIT_FAILURE : EXIT_SUCCESS;
}
