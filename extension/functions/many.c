/*-------------------------------------------------------------------------
 *
 * many.c
 *	  The SQL functions for arrays of names.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "functions/arguments.h"
#include "functions/many.h"
#include "locking/acquire.h"

PG_FUNCTION_INFO_V1(advisory_lock_lock_many);
PG_FUNCTION_INFO_V1(advisory_lock_try_lock_many);
PG_FUNCTION_INFO_V1(advisory_lock_unlock_many);

static void
check_names_array(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of advisory lock names must have one dimension, not %d",
						ARR_NDIM(array)),
				 errhint("Pass names as ARRAY['a', 'b'].")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("advisory lock name must not be null"),
				 errdetail("The array of names contains a null."),
				 errhint("Leave nulls out, as array_remove(names, NULL) does.")));
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("array of advisory lock names must not be empty"),
				 errhint("Pass at least one name.")));
}

static int
compare_keys(const void *a, const void *b)
{
	return lock_key_cmp(&((const NamedLock *) a)->id.key, &((const NamedLock *) b)->id.key);
}

/* Keep one lock of each key; tell about different names that have one key. */
static int
remove_duplicates(NamedLock *locks, int count)
{
	int			kept = 1;

	for (int i = 1; i < count; i++)
	{
		NamedLock  *last = &locks[kept - 1];

		if (compare_keys(last, &locks[i]) != 0)
			locks[kept++] = locks[i];
		else if (strcmp(last->name, locks[i].name) != 0)
			warn_of_collision(last->name, locks[i].name);
	}
	return kept;
}

/*
 * The locks named by an array argument: in the order of the argument in
 * "given", in key order and each once in "locks".
 */
NameSet
name_set_arg(FunctionCallInfo fcinfo, int argno)
{
	NameSet		set;
	ArrayType  *array;
	Datum	   *names;

	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array of advisory lock names must not be null"),
				 errhint("Pass at least one name.")));
	array = PG_GETARG_ARRAYTYPE_P(argno);
	check_names_array(array);

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &set.given_count);
	set.given = palloc(set.given_count * sizeof(NamedLock));
	set.locks = palloc(set.given_count * sizeof(NamedLock));
	for (int i = 0; i < set.given_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		named_lock_init_text(&set.given[i], DatumGetTextPP(names[i]));
	}

	memcpy(set.locks, set.given, set.given_count * sizeof(NamedLock));
	qsort(set.locks, set.given_count, sizeof(NamedLock), compare_keys);
	set.count = remove_duplicates(set.locks, set.given_count);
	return set;
}

/*
 * A bigint[] with room for the tokens.  It is made before the locks are taken:
 * afterwards memory could run out, and an error would leave them held.
 */
static ArrayType *
make_token_array(const NameSet *set)
{
	Datum	   *zeros = palloc0(set->given_count * sizeof(Datum));
	ArrayType  *array = construct_array(zeros, set->given_count, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);

	pfree(zeros);
	return array;
}

/* Fill it with the tokens of the locks, in the order of the argument. */
static void
fill_token_array(ArrayType *array, const NameSet *set, const int64 *tokens)
{
	int64	   *values = (int64 *) ARR_DATA_PTR(array);

	for (int i = 0; i < set->given_count; i++)
	{
		NamedLock  *lock = bsearch(&set->given[i], set->locks, set->count,
								   sizeof(NamedLock), compare_keys);

		values[i] = tokens[lock - set->locks];
	}
}

/*
 * Acquire all locks of the set, session-level and exclusive, or none.  Returns
 * false when the deadline passed; else *tokens becomes a bigint[].
 */
bool
acquire_name_set(const NameSet *set, const Deadline *deadline, Datum *tokens)
{
	int64	   *drawn = palloc(set->count * sizeof(int64));
	ArrayType  *array = make_token_array(set);

	if (!acquire_locks(set->locks, set->count, SESSION_EXCLUSIVE, deadline, drawn))
		return false;
	fill_token_array(array, set, drawn);
	*tokens = PointerGetDatum(array);
	return true;
}

/* lock_many(names text[]) returns bigint[] */
Datum
advisory_lock_lock_many(PG_FUNCTION_ARGS)
{
	NameSet		set = name_set_arg(fcinfo, 0);
	Deadline	deadline = deadline_by_setting();
	Datum		tokens = (Datum) 0;

	acquire_name_set(&set, &deadline, &tokens);
	PG_RETURN_DATUM(tokens);
}

/* try_lock_many(names text[], timeout interval) returns boolean */
Datum
advisory_lock_try_lock_many(PG_FUNCTION_ARGS)
{
	NameSet		set = name_set_arg(fcinfo, 0);
	Deadline	deadline = timeout_arg(fcinfo, 1, &set.given[0]);
	Datum		tokens;

	PG_RETURN_BOOL(acquire_name_set(&set, &deadline, &tokens));
}

/* unlock_many(names text[]) returns integer: how many were released */
Datum
advisory_lock_unlock_many(PG_FUNCTION_ARGS)
{
	NameSet		set = name_set_arg(fcinfo, 0);
	int			released = 0;

	for (int i = 0; i < set.count; i++)
	{
		if (release_lock(&set.locks[i], ExclusiveLock))
			released++;
	}
	PG_RETURN_INT32(released);
}
