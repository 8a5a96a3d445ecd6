/*-------------------------------------------------------------------------
 *
 * inputs.c
 *	  Fuzz what people type: the command line of withlock, names, times, URIs.
 *
 *	  The input is an argument vector, each ended by a 0.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conninfo.h"
#include "common/name.h"
#include "common/text.h"
#include "withlock/child.h"
#include "withlock/options.h"
#include "withlock/uri.h"
#include "withlock/values.h"

#define MOST_ARGUMENTS 12

/* What only a withlock that runs a command needs. */
void
child_await_helper(pid_t pid)
{
	(void) pid;
}

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What else reads such a text. */
static void
read_text(const char *text)
{
	advl_text	array = {0};
	int			number;

	(void) advl_name_defect(text);
	(void) advl_is_conninfo(text);
	(void) read_duration(text, &number);
	(void) read_number(text, -5, 1000000, &number);
	(void) uri_is_suspect(text);
	if (advl_is_uri(text))
		free(uri_adapt(text));
	advl_text_append_element(&array, text);
	advl_text_append_element(&array, text);
	advl_text_close_array(&array);
	/* an element is never an end of the array */
	if (!array.broken && (array.data[0] != '{' || array.data[array.len - 1] != '}'))
		abort();
	advl_text_free(&array);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *copy = malloc(size + 1);
	char	   *argv[MOST_ARGUMENTS + 2] = {"withlock"};
	int			argc = 1;
	Options		options;

	memcpy(copy, data, size);
	copy[size] = '\0';
	for (size_t at = 0; at < size && argc <= MOST_ARGUMENTS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	for (int i = 1; i < argc; i++)
		read_text(argv[i]);
	memset(&options, 0, sizeof(options));
	optind = 0;					/* as glibc wants it, for another vector */
	(void) options_parse(&options, argc, argv);
	options_free(&options);
	free(copy);
	return 0;
}
