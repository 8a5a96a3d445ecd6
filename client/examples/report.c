/*
 * report.c
 *	  Run a job unless it is running already, on whatever machine.
 *
 *	cc report.c $(pkg-config --cflags --libs advlock) -o report
 *	./report "dbname=shop"
 *
 * The connection string may be left out; libpq's environment counts then.
 */
#include <stdio.h>
#include <stdlib.h>

#include <advlock.h>

/* The job.  A resource that knows the token can refuse who lost the lock. */
static int
write_report(advlock *h, void *arg)
{
	printf("writing %s, token %lld\n", (const char *) arg,
		   (long long) advlock_token(h, "nightly report"));
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	advlock    *h = advlock_open(argc > 1 ? argv[1] : NULL);
	advlock_result r = advlock_status(h);
	advlock_options o;
	int			status = EXIT_FAILURE;

	advlock_options_init(&o);
	o.timeout_ms = 5000;
	if (r == ADVLOCK_OK)
		r = advlock_with_lock(h, "nightly report", &o, write_report, "report.txt", &status);
	if (r != ADVLOCK_OK)
	{
		fprintf(stderr, "%s: %s\n", advlock_result_text(r), advlock_error(h));
		status = EXIT_FAILURE;
	}
	advlock_close(h);
	return status;
}
