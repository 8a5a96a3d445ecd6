/*-------------------------------------------------------------------------
 *
 * sessions.c
 *	  The sessions that hold or await locks.
 *
 * Who they are is what pg_stat_activity shows, and to whom it does.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "functions/row.h"
#include "functions/sessions.h"
#include "registry/told.h"

#define FIRST_SIZE 64

static Session *
enter_session(HTAB *sessions, int pid)
{
	bool		found;
	Session    *session = hash_search(sessions, &pid, HASH_ENTER, &found);

	if (!found)
		*session = (Session) {.pid = pid, .row = -1};
	return session;
}

/*
 * All sessions by their process IDs, in the current memory context.  Who they
 * are is as old as what else this transaction has read in pg_stat_activity.
 */
HTAB *
all_sessions(Registry *reg)
{
	HASHCTL		control = {
		.keysize = sizeof(int),.entrysize = sizeof(Session),.hcxt = CurrentMemoryContext
	};
	HTAB	   *sessions = hash_create("advisory_lock sessions", FIRST_SIZE, &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	int			backends = pgstat_fetch_stat_numbackends();
	uint32		rows = reg ? reg->state->header.backends : 0;

	for (int i = 1; i <= backends; i++)
	{
		PgBackendStatus *status = backend_status_by_index(i);

		if (status && status->st_procpid > 0)
			enter_session(sessions, status->st_procpid)->activity = i;
	}
	for (uint32 row = 0; row < rows; row++)
	{
		int			pid = board_pid(reg, row);

		if (pid != 0)
			enter_session(sessions, pid)->row = row;
	}
	return sessions;
}

/* The address of the client; 0 is NULL, also for whom it is not to be shown to. */
static Datum
client_address(int activity)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		address;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = Int32GetDatum(backend_id_by_index(activity));
	fcinfo->args[0].isnull = false;
	address = pg_stat_get_backend_client_addr(fcinfo);
	return fcinfo->isnull ? (Datum) 0 : address;
}

static void
fill_activity(Session *session)
{
	PgBackendStatus *status = backend_status_by_index(session->activity);
	char	   *user = GetUserNameFromId(status->st_userid, true);

	if (user)
		session->user = name_datum(user);
	if (status->st_appname)
		session->application = CStringGetTextDatum(status->st_appname);
	session->client = client_address(session->activity);
}

/* The session with that process ID, with all that is shown of it. */
Session *
find_session(HTAB *sessions, Registry *reg, int pid)
{
	Session    *session = enter_session(sessions, pid);

	if (session->filled)
		return session;
	if (session->activity != 0)
		fill_activity(session);
	if (session->row >= 0)
	{
		session->labels = palloc(LABELS_ON_BOARD * sizeof(Label));
		session->label_count = board_copy(reg, session->row, pid, session->labels);
	}
	session->filled = true;
	return session;
}
