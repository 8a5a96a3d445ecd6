/*-------------------------------------------------------------------------
 *
 * arrays.c
 *	  Locks as parameters of a statement: an array for each of their columns.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "libadvlock/internal.h"

void
advl_arrays_free(advl_arrays *a)
{
	advl_text_free(&a->names);
	advl_text_free(&a->shared);
	advl_text_free(&a->permits);
	advl_text_free(&a->counts);
	advl_text_free(&a->tokens);
	advl_text_free(&a->kinds);
	a->locks = a->times = 0;
}

static void
append_number(advl_text *array, int64_t value)
{
	advl_number text;

	snprintf(text, sizeof(text), "%lld", (long long) value);
	advl_text_append_element(array, text);
}

/* Add one, to be given back so many times. */
void
advl_arrays_add(advl_arrays *a, const advl_lock *lock, int count)
{
	advl_text_append_element(&a->names, advl_parameter(lock));
	advl_text_append_element(&a->shared, lock->shared ? "t" : "f");
	append_number(&a->permits, lock->permit);
	append_number(&a->counts, count);
	append_number(&a->tokens, lock->token);
	append_number(&a->kinds, lock->kind);
	a->locks++;
	a->times += count;
	a->last = lock;
}

static bool
close_arrays(advl_arrays *a)
{
	advl_text  *arrays[] = {&a->names, &a->shared, &a->permits, &a->counts, &a->tokens,
	&a->kinds};
	bool		whole = true;

	for (int i = 0; i < ADVL_ARRAYS; i++)
	{
		advl_text_close_array(arrays[i]);
		whole = whole && !arrays[i]->broken;
	}
	return whole;
}

/* Add a whole list and end the arrays; false without memory. */
bool
advl_arrays_fill(advl_arrays *a, const advl_lock *list)
{
	for (; list != NULL; list = list->next)
		advl_arrays_add(a, list, list->count + list->unsure);
	return close_arrays(a);
}

/* A statement about them, which takes them in this order. */
advl_statement
advl_arrays_statement(const advl_arrays *a, const char *sql)
{
	return (advl_statement) {
		.sql = sql,
		.nparams = ADVL_ARRAYS,
		.params = {a->names.data, a->shared.data, a->permits.data,
			a->counts.data, a->tokens.data, a->kinds.data},
		.sync = true
	};
}

/* Is it about one lock by its name? */
bool
advl_arrays_name_one(const advl_arrays *a)
{
	return a->locks == 1 && a->last->kind == ADVL_BY_NAME && a->last->permit == 0;
}

/* A statement about that, which takes its name, or that and its token. */
advl_statement
advl_arrays_statement_of_one(advl_arrays *a, const char *sql, int nparams)
{
	snprintf(a->last_token, sizeof(a->last_token), "%lld", (long long) a->last->token);
	return (advl_statement) {
		.sql = sql,
		.nparams = nparams,
		.params = {advl_parameter(a->last), a->last_token},
		.sync = true
	};
}
