/*-------------------------------------------------------------------------
 *
 * identify.c
 *	  The phase of a run that finds out which lock --key means.
 *
 * Each session is asked, since another host may have other keys.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/identify.h"

#include "withlock/message.h"
#include "withlock/observer.h"
#include "withlock/retry.h"
#include "withlock/tool.h"

void
identify_enter(Run *run)
{
	run->answer_by = now_ms() + ANSWER_WITHIN_MS;
	switch (tool_ask(run->options, run->session))
	{
		case TOOL_NO_QUESTION:
			run_enter(run, PHASE_WAITING);
			break;
		case TOOL_ASKED:
			break;
		case TOOL_FAILED:
			run_finish(run, STATUS_UNAVAILABLE);
	}
}

void
identify_on_result(Run *run, advlock_result result)
{
	int			status;

	if (result != ADVLOCK_OK)
	{
		retry_or_fail(run, result);
		return;
	}
	if (!observer_take(run->session, &run->answer))
		return;
	status = tool_take(run->options, run->answer);
	PQclear(run->answer);
	run->answer = NULL;
	if (status != 0)
		run_finish(run, status);
	else
		run_enter(run, PHASE_WAITING);
}

int64_t
identify_due(const Run *run)
{
	return run->answer_by < run->deadline ? run->answer_by : run->deadline;
}

void
identify_on_time(Run *run)
{
	if (now_ms() >= run->deadline)
	{
		retry_give_up(run);
		return;
	}
	say_error("lock %s: the server does not answer", run->options->shown[0]);
	retry_or_fail(run, ADVLOCK_CONNECTION);
}
