/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * A trace as bytes, through all that reads one: decompression, lines, the three forms of text, and
 * then the program's model of what the events map.
 *
 * A trace.dat is left out. It is read by libtracecmd, in a process of its own for each trace,
 * because that library ends the process on damaged input: nearly all that an input could find there
 * is the library's, at the price of a fork for each.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "model.h"
#include "trace.h"
#include "trace_private.h"

#define EVENTS_MAX 4096u
#define BYTES_MAX  (64ull << 20) /* of a map: a page each, at worst */
#define LEVELS	   4u
#define REQUIRE(condition)                                           \
	do {                                                         \
		if (!(condition)) {                                  \
			fprintf(stderr, "not so: %s\n", #condition); \
			abort();                                     \
		}                                                    \
	} while (0)

struct trace_dat *trace_dat_open(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return NULL;
}

enum trace_status trace_dat_next(struct trace_dat *dat, struct trace_event *event,
				 struct trace_counts *counts)
{
	(void)dat;
	(void)event;
	(void)counts;
	return TRACE_ERROR;
}

void trace_dat_close(struct trace_dat *dat)
{
	(void)dat;
}

/* Maps and unmaps must be each other's opposite, and cost what they need. */
static void play_one(struct model *model, const struct trace_event *event)
{
	uint64_t before = model_tables(model);
	int error;

	if (event->size > BYTES_MAX)
		return;
	if (event->is_map)
		error = model_map(model, event->iova, event->paddr, event->size);
	else
		error = model_unmap(model, event->iova, event->size);
	REQUIRE(model_tables(model) >= 1);
	if (error)
		REQUIRE(model_tables(model) == before);
	else if (event->is_map)
		REQUIRE(model_map(model, event->iova, event->paddr, event->size) == EBB_ERR_MAPPED);
	else
		REQUIRE(model_unmap(model, event->iova, event->size) == EBB_ERR_NOT_MAPPED);
}

static void check_counts(const struct trace_counts *counts, uint64_t events)
{
	REQUIRE(counts->events == events);
	REQUIRE(counts->events + counts->ignored + counts->garbled <= counts->lines);
	REQUIRE((counts->garbled == 0) == (counts->first_garbled == 0));
	REQUIRE(counts->first_garbled <= counts->lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_reader *reader = trace_open_memory(data, size);
	struct model *model = model_new(LEVELS);
	enum trace_status status = TRACE_EVENT;
	struct trace_event event;
	uint64_t n = 0;

	if (!reader || !model)
		abort();
	while (n < EVENTS_MAX && (status = trace_next(reader, &event)) == TRACE_EVENT) {
		n++;
		play_one(model, &event);
	}
	check_counts(trace_counts(reader), n);
	if (status == TRACE_ERROR)
		REQUIRE(trace_error(reader)[0] != '\0' && !strchr(trace_error(reader), '\n'));
	if (status == TRACE_END)
		REQUIRE(n > 0 && trace_next(reader, &event) == TRACE_END);
	model_unmap(model, 0, 1ull << 48);
	REQUIRE(model_tables(model) == 1);
	model_free(model);
	trace_close(reader);
	return 0;
}
