/*-------------------------------------------------------------------------
 *
 * fake_libpq.c
 *	  A libpq without a server: what it answers are the bytes of the fuzzer.
 *
 *	  It promises what libpq promises its callers, and nothing more: a server
 *	  can send any results in any order, with any values, and can end at any
 *	  time.  The input's end is the end of the connection.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "fake_libpq.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 8

struct pg_conn
{
	int			fd;				/* always ready, until it is shut down */
	bool		pipeline;
	ConnStatusType status;
};

struct pg_result
{
	ExecStatusType status;
	int			rows,
				columns;
	char	   *values[MAX_COLUMNS];
	char		sqlstate[6];
	char	   *message;
};

static const uint8_t *input;
static size_t left;

void
fake_input(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
}

int
fake_byte(void)
{
	if (left == 0)
		return -1;
	left--;
	return *input++;
}

/* A text of the fuzzer's; never NULL, and never with a 0 in it, as in libpq. */
char *
fake_text(void)
{
	int			length = fake_byte();
	char	   *text = calloc(1, length < 0 ? 1 : length + 1);

	for (int i = 0; i < length && left > 0; i++)
		text[i] = fake_byte();
	return text;
}

/* What a server would say, or what none would; NULL is SQL's. */
static char *
value(void)
{
	static const char *const likely[] = {
		"t", "f", "4711", "0", "1", "42", "-1", "9223372036854775807", "9223372036854775808", "",
		"{1,2}", "{t,f}", "{\"a\",NULL}", "ExclusiveLock", "a"
	};
	int			which = fake_byte();

	if (which < 0 || which == 255)
		return NULL;
	if (which < (int) (sizeof(likely) / sizeof(likely[0])))
		return strdup(likely[which]);
	return fake_text();
}

static PGresult *
result(ExecStatusType status)
{
	PGresult   *res = calloc(1, sizeof(PGresult));

	res->status = status;
	if (status == PGRES_TUPLES_OK)
	{
		res->rows = fake_byte() & 3;
		res->columns = fake_byte() % (MAX_COLUMNS + 1);
		if (res->columns < 0)
			res->columns = 0;
		for (int i = 0; i < res->columns; i++)
			res->values[i] = value();
	}
	else if (status == PGRES_FATAL_ERROR)
	{
		for (int i = 0; i < 5; i++)
			res->sqlstate[i] = '0' + (fake_byte() & 31);
		res->message = fake_text();
	}
	return res;
}

/* === The connection === */

PGconn *
fake_connection(int fd)
{
	PGconn	   *conn = calloc(1, sizeof(PGconn));

	conn->fd = fd;
	conn->status = CONNECTION_OK;
	return conn;
}

static bool
is_shut_down(int fd)
{
	struct pollfd pfd = {.fd = fd};

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP);
}

static bool
lives(const PGconn *conn)
{
	if (left == 0 || is_shut_down(conn->fd))
		((PGconn *) conn)->status = CONNECTION_BAD;
	return conn->status == CONNECTION_OK;
}

ConnStatusType
PQstatus(const PGconn *conn)
{
	return conn->status;
}

void
PQfinish(PGconn *conn)
{
	free(conn);
}

int
PQsocket(const PGconn *conn)
{
	return conn->status == CONNECTION_OK ? conn->fd : -1;
}

int
PQbackendPID(const PGconn *conn)
{
	(void) conn;
	return 4711;
}

PGTransactionStatusType
PQtransactionStatus(const PGconn *conn)
{
	int			which;

	if (conn->status != CONNECTION_OK)
		return PQTRANS_UNKNOWN;
	which = fake_byte();
	return which == 1 ? PQTRANS_INERROR : which == 2 ? PQTRANS_INTRANS : PQTRANS_IDLE;
}

char *
PQerrorMessage(const PGconn *conn)
{
	return conn->status == CONNECTION_OK ? "" : "the server has gone\n";
}

const char *
PQparameterStatus(const PGconn *conn, const char *name)
{
	(void) conn;
	return strcmp(name, "client_encoding") == 0 ? "UTF8" :
		strcmp(name, "server_version") == 0 ? "15.0" : NULL;
}

int
PQconsumeInput(PGconn *conn)
{
	return lives(conn);
}

int
PQisBusy(PGconn *conn)
{
	return lives(conn) && fake_byte() == 250;
}

int
PQflush(PGconn *conn)
{
	return lives(conn) ? 0 : -1;
}

int
PQenterPipelineMode(PGconn *conn)
{
	return conn->pipeline = true;
}

int
PQexitPipelineMode(PGconn *conn)
{
	conn->pipeline = false;
	return lives(conn) && fake_byte() != 251;
}

PGpipelineStatus
PQpipelineStatus(const PGconn *conn)
{
	return conn->pipeline ? PQ_PIPELINE_ON : PQ_PIPELINE_OFF;
}

int
PQpipelineSync(PGconn *conn)
{
	return lives(conn);
}

/* Whatever the library sends must be text. */
int
PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
				  const char *const *values, const int *lengths, const int *formats, int format)
{
	size_t		sum = strlen(command);

	(void) types;
	(void) lengths;
	(void) formats;
	(void) format;
	for (int i = 0; i < count; i++)
		sum += values[i] ? strlen(values[i]) : 0;
	return sum > 0 && lives(conn);
}

int
PQsetnonblocking(PGconn *conn, int arg)
{
	(void) conn;
	(void) arg;
	return 0;
}

PGVerbosity
PQsetErrorVerbosity(PGconn *conn, PGVerbosity verbosity)
{
	(void) conn;
	return verbosity;
}

PQnoticeReceiver
PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
	(void) conn;
	(void) receiver;
	(void) arg;
	return NULL;
}

char *
PQhost(const PGconn *conn)
{
	(void) conn;
	return "host";
}

char *
PQhostaddr(const PGconn *conn)
{
	(void) conn;
	return "";
}

char *
PQport(const PGconn *conn)
{
	(void) conn;
	return "1";
}

/* === Results === */

PGresult *
PQgetResult(PGconn *conn)
{
	static const ExecStatusType statuses[] = {
		PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_FATAL_ERROR, PGRES_PIPELINE_ABORTED,
		PGRES_EMPTY_QUERY, PGRES_COPY_OUT, PGRES_BAD_RESPONSE
	};
	int			which = lives(conn) ? fake_byte() : -1;

	if (which < 0 || which == 200)
		return NULL;
	if (which >= 100)
		return result(PGRES_PIPELINE_SYNC);
	return result(statuses[which % 7]);
}

ExecStatusType
PQresultStatus(const PGresult *res)
{
	return res ? res->status : PGRES_FATAL_ERROR;
}

int
PQntuples(const PGresult *res)
{
	return res ? res->rows : 0;
}

int
PQnfields(const PGresult *res)
{
	return res ? res->columns : 0;
}

int
PQfformat(const PGresult *res, int column)
{
	(void) column;
	return res->status == PGRES_TUPLES_OK ? 0 : 1;
}

/* A row or column that is not there is a mistake of the caller's. */
char *
PQgetvalue(const PGresult *res, int row, int column)
{
	if (row < 0 || row >= res->rows || column < 0 || column >= res->columns)
		abort();
	return res->values[column] ? res->values[column] : "";
}

int
PQgetisnull(const PGresult *res, int row, int column)
{
	if (row < 0 || row >= res->rows || column < 0 || column >= res->columns)
		abort();
	return res->values[column] == NULL;
}

char *
PQresultErrorField(const PGresult *res, int field)
{
	return res && field == PG_DIAG_SQLSTATE && res->sqlstate[0] ? (char *) res->sqlstate :
		res && field == PG_DIAG_MESSAGE_PRIMARY ? res->message : NULL;
}

char *
PQresultErrorMessage(const PGresult *res)
{
	return res && res->message ? res->message : "";
}

char *
PQcmdStatus(PGresult *res)
{
	return res->status == PGRES_COMMAND_OK ? "COMMIT" : "";
}

void
PQclear(PGresult *res)
{
	if (res == NULL)
		return;
	for (int i = 0; i < MAX_COLUMNS; i++)
		free(res->values[i]);
	free(res->message);
	free(res);
}

/* === What needs a server: not here === */

PGcancel *
PQgetCancel(PGconn *conn)
{
	return (PGcancel *) conn;
}

int
PQcancel(PGcancel *cancel, char *errbuf, int size)
{
	(void) cancel;
	(void) errbuf;
	(void) size;
	return 1;
}

void
PQfreeCancel(PGcancel *cancel)
{
	(void) cancel;
}

PGconn *
PQconnectStart(const char *conninfo)
{
	(void) conninfo;
	return NULL;
}

PGconn *
PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
	(void) keywords;
	(void) values;
	(void) expand;
	return NULL;
}

PostgresPollingStatusType
PQconnectPoll(PGconn *conn)
{
	(void) conn;
	return PGRES_POLLING_FAILED;
}

PQconninfoOption *
PQconninfo(PGconn *conn)
{
	(void) conn;
	return NULL;
}

PQconninfoOption *
PQconninfoParse(const char *conninfo, char **message)
{
	(void) conninfo;
	(void) message;
	return NULL;
}

void
PQconninfoFree(PQconninfoOption *options)
{
	(void) options;
}
