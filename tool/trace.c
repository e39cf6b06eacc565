/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The reader: finds out what a trace is stored in, cuts text into lines, and loads whole traces. */
#include "tool.h"
#include "trace_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Data with control bytes in it and no event in this many bytes is not worth reading to its end. */
#define PATIENCE (1u << 20)

struct trace_reader {
	struct trace_input *in;
	bool is_dat; /* a trace.dat, else text */
	struct trace_dat *dat;
	FILE *spool; /* a copy of a trace.dat that cannot be read again from its start */
	struct trace_counts counts;
	uint64_t bytes; /* that came from the input */
	size_t start, end; /* of what is in the buffer and not yet parsed */
	bool started, ended, binary;
	bool overlong; /* the start of the line in hand did not fit and was thrown away */
	char error[256];
	char buffer[65536];
};

static struct trace_reader *new_reader(struct trace_input *in)
{
	struct trace_reader *reader = in != NULL ? calloc(1, sizeof(*reader)) : NULL;

	if (reader == NULL)
		trace_input_close(in);
	else
		reader->in = in;
	return reader;
}

struct trace_reader *trace_open(const char *name)
{
	return new_reader(trace_input_open(name));
}

struct trace_reader *trace_open_memory(const void *data, size_t len)
{
	return new_reader(trace_input_open_memory(data, len));
}

static enum trace_status fail(struct trace_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum trace_status fail(struct trace_reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->error, sizeof(reader->error), format, args);
	va_end(args);
	reader->ended = true;
	return TRACE_ERROR;
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool is_control(unsigned char c)
{
	return c < ' ' && (c < '\t' || c > '\r') && c != '\033';
}

/*
 * Reads more behind what is in the buffer. Returns what trace_input_read() returned, or 0 when
 * patience has run out.
 */
static ssize_t fill(struct trace_reader *reader)
{
	ssize_t got;

	if (reader->binary && !reader->is_dat && reader->counts.events == 0 &&
	    reader->bytes > PATIENCE)
		return 0;
	memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
	reader->end -= reader->start;
	reader->start = 0;
	got = trace_input_read(reader->in, reader->buffer + reader->end,
			       sizeof(reader->buffer) - reader->end);
	for (ssize_t i = 0; i < got && !reader->binary; i++)
		reader->binary = is_control((unsigned char)reader->buffer[reader->end + (size_t)i]);
	if (got > 0) {
		reader->end += (size_t)got;
		reader->bytes += (uint64_t)got;
	}
	return got;
}

/*
 * Finds the next line, without its newline, and steps over it. Of a line that is longer than the
 * buffer only the last part is returned, and `overlong` is set.
 */
static enum trace_status next_line(struct trace_reader *reader, const char **line, size_t *len)
{
	size_t searched = 0;

	reader->overlong = false;
	for (;;) {
		char *from = reader->buffer + reader->start;
		size_t have = reader->end - reader->start;
		char *newline = memchr(from + searched, '\n', have - searched);
		ssize_t got;

		if (newline != NULL) {
			*line = from;
			*len = (size_t)(newline - from);
			reader->start += *len + 1;
			return TRACE_EVENT;
		}
		searched = have;
		if (have == sizeof(reader->buffer)) {
			reader->overlong = true;
			reader->start = reader->end;
			searched = 0;
		}
		got = fill(reader);
		if (got < 0)
			return fail(reader, "%s", trace_input_error(reader->in));
		if (got == 0) {
			*line = reader->buffer;
			*len = reader->end;
			reader->start = reader->end;
			reader->ended = true;
			return *len != 0 || reader->overlong ? TRACE_EVENT : TRACE_END;
		}
	}
}

static void count_garbled(struct trace_counts *counts)
{
	if (counts->garbled++ == 0)
		counts->first_garbled = counts->lines;
}

static enum trace_status next_text_event(struct trace_reader *reader, struct trace_event *event)
{
	struct trace_counts *counts = &reader->counts;
	const char *line = NULL;
	size_t len = 0;
	uint64_t lost;

	while (!reader->ended) {
		enum trace_status status = next_line(reader, &line, &len);

		if (status != TRACE_EVENT)
			return status;
		counts->lines++;
		switch (reader->overlong ? TRACE_LINE_GARBLED :
					   trace_parse_line(line, len, event, &lost)) {
		case TRACE_LINE_EVENT:
			return TRACE_EVENT;
		case TRACE_LINE_LOST:
			counts->lost += lost;
			break;
		case TRACE_LINE_OTHER:
			counts->ignored++;
			break;
		case TRACE_LINE_GARBLED:
			count_garbled(counts);
			break;
		}
	}
	return TRACE_END;
}

/* ---- trace.dat ------------------------------------------------------------------------------- */

/* Copies the whole input to a temporary file. Returns its descriptor or -1. */
static int spool(struct trace_reader *reader)
{
	ssize_t got = 1;

	reader->spool = tmpfile();
	while (reader->spool != NULL && got > 0) {
		size_t have = reader->end - reader->start;

		if (fwrite(reader->buffer + reader->start, 1, have, reader->spool) != have)
			break;
		reader->start = reader->end;
		got = fill(reader);
	}
	if (got < 0)
		fail(reader, "%s", trace_input_error(reader->in));
	else if (reader->spool == NULL || got > 0 || fflush(reader->spool) != 0)
		fail(reader, "cannot be copied to a temporary file: %s", strerror(errno));
	else
		return fileno(reader->spool);
	return -1;
}

/* Looks at the first bytes. False on an error. */
static bool start(struct trace_reader *reader)
{
	int fd;

	reader->started = true;
	while (reader->end < TRACE_DAT_MAGIC_LEN) {
		ssize_t got = fill(reader);

		if (got < 0)
			fail(reader, "%s", trace_input_error(reader->in));
		if (got <= 0)
			return got == 0;
	}
	if (memcmp(reader->buffer, TRACE_DAT_MAGIC, TRACE_DAT_MAGIC_LEN) != 0)
		return true;
	reader->is_dat = true;
	fd = trace_input_seekable_fd(reader->in);
	if (fd < 0)
		fd = spool(reader);
	if (fd < 0)
		return false;
	reader->dat = trace_dat_open(fd);
	if (reader->dat == NULL)
		fail(reader, "cannot start a process to read it: %s", strerror(errno));
	return reader->dat != NULL;
}

static enum trace_status next_dat_event(struct trace_reader *reader, struct trace_event *event)
{
	enum trace_status status = trace_dat_next(reader->dat, event, &reader->counts);

	if (status == TRACE_ERROR)
		return fail(reader, "truncated or damaged trace.dat: libtracecmd cannot read it");
	reader->ended = status == TRACE_END;
	return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* The end of a trace without events. */
static enum trace_status nothing(struct trace_reader *reader)
{
	const struct trace_counts *counts = &reader->counts;

	if (reader->bytes == 0)
		return fail(reader,
			    "empty: a trace with iommu:map and iommu:unmap events is needed");
	if (reader->binary && !reader->is_dat)
		return fail(reader,
			    "not a trace: binary data without any iommu:map or iommu:unmap event");
	if (counts->garbled != 0)
		return fail(reader,
			    "no good iommu:map or iommu:unmap event in it (lines: %" PRIu64
			    ", garbled: %" PRIu64 ", the first is line %" PRIu64 ")",
			    counts->lines, counts->garbled, counts->first_garbled);
	return fail(reader, "no iommu:map or iommu:unmap event in it (%s: %" PRIu64 ")",
		    reader->is_dat ? "records" : "lines", counts->lines);
}

enum trace_status trace_next(struct trace_reader *reader, struct trace_event *event)
{
	enum trace_status status;

	if (reader->error[0] != '\0' || (!reader->started && !start(reader)))
		return TRACE_ERROR;
	if (reader->ended)
		return TRACE_END;
	status = reader->is_dat ? next_dat_event(reader, event) : next_text_event(reader, event);
	if (status == TRACE_EVENT)
		reader->counts.events++;
	else if (status == TRACE_END && reader->counts.events == 0)
		return nothing(reader);
	return status;
}

const char *trace_error(const struct trace_reader *reader)
{
	return reader->error;
}

const struct trace_counts *trace_counts(const struct trace_reader *reader)
{
	return &reader->counts;
}

void trace_close(struct trace_reader *reader)
{
	if (reader == NULL)
		return;
	trace_dat_close(reader->dat);
	if (reader->spool != NULL)
		fclose(reader->spool);
	trace_input_close(reader->in);
	free(reader);
}

/* ---- a whole trace --------------------------------------------------------------------------- */

/* Makes room for one more event. */
static bool grow(struct trace *trace, size_t *room)
{
	size_t more = *room != 0 ? *room * 2 : 4096;
	struct trace_event *events;

	if (trace->count < *room)
		return true;
	events = reallocarray(trace->events, more, sizeof(*events));
	if (events == NULL || more < *room)
		return false;
	trace->events = events;
	*room = more;
	return true;
}

static void warn_about(const struct trace *trace)
{
	const struct trace_counts *counts = &trace->counts;

	if (counts->garbled != 0)
		tool_warn("%s: %" PRIu64 " garbled lines left out, the first is line %" PRIu64,
			  trace->name, counts->garbled, counts->first_garbled);
	if (counts->lost != 0)
		tool_warn("%s: the recording lost %" PRIu64
			  " events, so unmaps and overlaps may not match",
			  trace->name, counts->lost);
	if (counts->instances)
		tool_warn("%s: only its main buffer is read, not its instances", trace->name);
}

static int load_from(struct trace_reader *reader, struct trace *trace)
{
	enum trace_status status;
	size_t room = 0;

	while (grow(trace, &room)) {
		struct trace_event *event = &trace->events[trace->count];

		status = trace_next(reader, event);
		if (status == TRACE_ERROR)
			return tool_fail("%s: %s", trace->name, trace_error(reader));
		if (status == TRACE_END) {
			trace->counts = *trace_counts(reader);
			warn_about(trace);
			return TOOL_OK;
		}
		trace->timed = trace->timed && event->has_time;
		trace->count++;
	}
	return tool_fail("%s: not enough memory for more than %zu events", trace->name,
			 trace->count);
}

int trace_load(struct trace *trace, const char *name)
{
	struct trace_reader *reader = trace_open(name);
	int status;

	*trace = (struct trace){ .name = strcmp(name, "-") == 0 ? "standard input" : name,
				 .timed = true };
	if (reader == NULL)
		return tool_fail("%s: not enough memory", trace->name);
	status = load_from(reader, trace);
	trace_close(reader);
	if (status != TOOL_OK)
		trace_unload(trace);
	return status;
}

void trace_unload(struct trace *trace)
{
	free(trace->events);
	*trace = (struct trace){ 0 };
}
