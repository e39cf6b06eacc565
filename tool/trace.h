/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_TRACE_H
#define EBB_TOOL_TRACE_H
/*
 * Recorded iommu:map and iommu:unmap events, whatever they are stored in: the text of ftrace,
 * `trace-cmd report` or `perf script`, or a trace.dat; plain or compressed; a file, standard input
 * or memory.
 *
 *	reader = trace_open("net-rx.trace.xz");
 *	while ((status = trace_next(reader, &event)) == TRACE_EVENT)
 *		...
 *	if (status == TRACE_ERROR)
 *		puts(trace_error(reader));
 *	trace_close(reader);
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_event {
	uint64_t iova, size;
	uint64_t paddr; /* of a map */
	uint64_t time_ns; /* of the recording's own clock */
	bool is_map; /* else an unmap */
	bool has_time;
};

/* What was met so far beside the events. */
struct trace_counts {
	uint64_t lines; /* in all; of a trace.dat: records */
	uint64_t events; /* maps and unmaps */
	uint64_t ignored; /* headers, empty lines, other events */
	uint64_t garbled; /* lines that should be maps or unmaps and are not well formed */
	uint64_t first_garbled; /* number of the first such line; lines count from 1 */
	uint64_t lost; /* events that the recorder says are missing */
	bool instances; /* a trace.dat with further buffers, which are not read */
};

enum trace_status {
	TRACE_ERROR = -1, /* trace_error() says why; what was read before must not be used */
	TRACE_END = 0,
	TRACE_EVENT = 1,
};

struct trace_reader;

/*
 * `name` is a file, "-" for standard input. NULL only if memory is short; other errors come with
 * trace_next().
 */
struct trace_reader *trace_open(const char *name);

/* The memory must stay as it is until trace_close(). */
struct trace_reader *trace_open_memory(const void *data, size_t len);

/* A trace without any event is an error: at its end, or earlier if it turns out to be binary. */
enum trace_status trace_next(struct trace_reader *reader, struct trace_event *event);

/* One line without the trace's name, valid until trace_close(). */
const char *trace_error(const struct trace_reader *reader);

const struct trace_counts *trace_counts(const struct trace_reader *reader);

void trace_close(struct trace_reader *reader); /* NULL is fine */

/* ---- a whole trace --------------------------------------------------------------------------- */

struct trace {
	const char *name;
	struct trace_event *events;
	size_t count;
	struct trace_counts counts;
	bool timed; /* every event has a time */
};

/*
 * Reads all events and warns about what is missing. Returns an enum tool_exit; on failure a message
 * was printed.
 */
int trace_load(struct trace *trace, const char *name);
void trace_unload(struct trace *trace);

#endif
