/*
 * bare NAME COMMAND...: runs a command under an advisory lock, as shortly as
 * that can be written on libpq: what a command line tool cannot do without.
 *
 * Copyright (c) 2026 the advisory_lock authors
 */
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run a statement about the name; false if that failed. */
static int
run(PGconn *conn, const char *statement, const char *name)
{
	PGresult   *result = PQexecParams(conn, statement, 1, NULL, &name, NULL, NULL, 0);
	int			ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return ok;
}

int
main(int argc, char **argv)
{
	PGconn	   *conn = PQconnectdb("");
	int			status = 1;
	pid_t		pid;

	if (argc < 3 ||
		!run(conn, "SELECT pg_advisory_lock(hashtextextended($1, 0))", argv[1]))
		return 1;
	pid = fork();
	if (pid == 0)
	{
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (!run(conn, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", argv[1]))
		return 1;
	PQfinish(conn);
	return status != 0;
}
