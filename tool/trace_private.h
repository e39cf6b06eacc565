/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_TRACE_PRIVATE_H
#define EBB_TOOL_TRACE_PRIVATE_H
/* Between the files trace*.c only. */
#include "trace.h"

#include <stdio.h>
#include <sys/types.h>

/* ---- bytes: trace_input.c -------------------------------------------------------------------- */

struct trace_input; /* a stream of bytes, decompressed if need be */

/* Both return NULL if memory is short. Whatever else is wrong is an error of the first read. */
struct trace_input *trace_input_open(const char *name);
struct trace_input *trace_input_open_memory(const void *data, size_t len);

/*
 * Up to `len` bytes, at least one unless the stream ends. Returns how many, 0 at the end, -1 on an
 * error.
 */
ssize_t trace_input_read(struct trace_input *in, void *buf, size_t len);

/*
 * The file behind an uncompressed stream if it is one that can be read again from the start, else
 * -1.
 */
int trace_input_seekable_fd(struct trace_input *in);

const char *trace_input_error(const struct trace_input *in);
void trace_input_close(struct trace_input *in);

/* ---- lines: trace_text.c --------------------------------------------------------------------- */

enum trace_line {
	TRACE_LINE_EVENT, /* *event is filled in */
	TRACE_LINE_LOST, /* *lost events are missing; 1 where the number is not known */
	TRACE_LINE_OTHER,
	TRACE_LINE_GARBLED,
};

/* Reads one line without its newline. It need not be a string: any bytes may be in it. */
enum trace_line trace_parse_line(const char *line, size_t len, struct trace_event *event,
				 uint64_t *lost);

/* ---- trace.dat: trace_dat.c ------------------------------------------------------------------ */

#define TRACE_DAT_MAGIC	    "\027\010\104tracing"
#define TRACE_DAT_MAGIC_LEN 10u

struct trace_dat; /* a child process that reads the file */

/* `fd` stays the caller's. NULL with errno if the process cannot be started. */
struct trace_dat *trace_dat_open(int fd);

/* As trace_next(). TRACE_ERROR: the file is damaged. Counts everything but events. */
enum trace_status trace_dat_next(struct trace_dat *dat, struct trace_event *event,
				 struct trace_counts *counts);
void trace_dat_close(struct trace_dat *dat);

#endif
