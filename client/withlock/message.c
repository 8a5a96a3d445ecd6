/*-------------------------------------------------------------------------
 *
 * message.c
 *	  withlock's own words, all on stderr.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "withlock/message.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "withlock/speaker.h"
#include "withlock/stream.h"
#include "withlock/text.h"

/* Where a message is built, to go out in one write. */
typedef struct Output
{
	advl_text	text;
	FILE	   *stream;
} Output;

static bool show_notices = true;
static bool show_details = false;
static bool live_line_drawn = false;

static const char ERASE_LINE[] = "\r\033[K";

void
message_init(bool quiet, bool verbose)
{
	show_notices = !quiet;
	show_details = verbose && !quiet;
}

static bool
output_begin(Output *out)
{
	out->stream = stream_open(&out->text);
	return out->stream != NULL;
}

/* Send it out, whatever becomes of it. */
static void
output_end(Output *out)
{
	char	   *words = stream_close(out->stream, &out->text);

	if (words)
		speaker_say(words, out->text.len);
	free(words);
}

/* Take the text's lines apart, each with the prefix. */
static void
put_lines(FILE *stream, char *text)
{
	char	   *rest;
	char	   *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
	{
		/* libpq indents the second line of its messages */
		line += strspn(line, "\t ");
		fputs("withlock: ", stream);
		put_visible(stream, line);
		fputc('\n', stream);
	}
}

static void
say_va(const char *fmt, va_list args)
{
	Output		out;
	char	   *text;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	if (output_begin(&out))
	{
		if (live_line_drawn)
			fputs(ERASE_LINE, out.stream);
		live_line_drawn = false;
		put_lines(out.stream, text);
		output_end(&out);
	}
	free(text);
}

void
say_error(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	say_va(fmt, args);
	va_end(args);
}

void
say(const char *fmt,...)
{
	va_list		args;

	if (!show_notices)
		return;
	va_start(args, fmt);
	say_va(fmt, args);
	va_end(args);
}

void
say_verbose(const char *fmt,...)
{
	va_list		args;

	if (!show_details)
		return;
	va_start(args, fmt);
	say_va(fmt, args);
	va_end(args);
}

static int
terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		return size.ws_col;
	return 80;
}

void
live_line_show(const char *text)
{
	Output		line;
	Output		out;
	char	   *words;

	/* a terminal that is stopped would show all of them when it goes on */
	if (speaker_is_behind() || !output_begin(&line))
		return;
	fputs("withlock: ", line.stream);
	put_visible(line.stream, text);
	/* the last column stays free: writing there may move to the next line */
	words = stream_close(line.stream, &line.text);
	if (words && output_begin(&out))
	{
		fprintf(out.stream, "%s%.*s", ERASE_LINE,
				(int) text_fitting(words, terminal_width() - 1), words);
		output_end(&out);
		live_line_drawn = true;
	}
	free(words);
}

void
live_line_clear(void)
{
	Output		out;

	if (!live_line_drawn || !output_begin(&out))
		return;
	fputs(ERASE_LINE, out.stream);
	output_end(&out);
	live_line_drawn = false;
}
