/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "player.h"
#include "tool.h"

/*
 * No kernel maps more than this at once; a garbled line may, and would take all memory and a long
 * time.
 */
#define MAP_MAX TIB

/* Counts an event that could not be played. Returns `error` if it ends the replay, else EBB_OK. */
static int count_error(int error, struct play_counts *counts)
{
	switch (error) {
	case EBB_OK:
		return EBB_OK;
	case EBB_ERR_MAPPED:
		counts->overlaps++;
		return EBB_OK;
	case EBB_ERR_NOT_MAPPED:
		counts->unmatched++;
		return EBB_OK;
	case EBB_ERR_INVALID:
	case EBB_ERR_MISALIGNED:
	case EBB_ERR_APERTURE:
	case EBB_ERR_PA_WIDTH:
		counts->skipped++;
		return EBB_OK;
	default:
		return error;
	}
}

static int stopped(const struct trace *trace, size_t at, int error)
{
	return tool_fail("%s: stopped at event %zu of %zu: %s", trace->name, at + 1, trace->count,
			 ebb_strerror(error));
}

static int map(struct ebb_gather *gather, const struct trace_event *event)
{
	if (event->size > MAP_MAX)
		return EBB_ERR_INVALID;
	return ebb_map(gather, EBB_IOVA(event->iova), EBB_PA(event->paddr), event->size,
		       EBB_READ | EBB_WRITE);
}

int play(struct space *space, const struct trace *trace, size_t from, size_t to,
	 struct play_counts *counts)
{
	struct ebb_gather *gather = &space->gather;

	for (size_t i = from; i < to; i++) {
		const struct trace_event *event = &trace->events[i];
		int error;

		if (event->is_map) {
			counts->maps++;
			error = map(gather, event);
		} else {
			counts->unmaps++;
			error = ebb_unmap(gather, EBB_IOVA(event->iova), event->size, NULL);
			ebb_sync(gather);
		}
		if (error != EBB_OK) {
			error = count_error(error, counts);
			if (error != EBB_OK)
				return stopped(trace, i, error);
		}
	}
	return TOOL_OK;
}

int play_model(struct model *model, const struct trace *trace, size_t from, size_t to,
	       struct play_counts *counts, uint64_t *peak_tables)
{
	for (size_t i = from; i < to; i++) {
		const struct trace_event *event = &trace->events[i];
		int error;

		if (event->is_map) {
			counts->maps++;
			error = EBB_ERR_INVALID;
			if (event->size <= MAP_MAX)
				error = model_map(model, event->iova, event->paddr, event->size);
		} else {
			counts->unmaps++;
			error = model_unmap(model, event->iova, event->size);
		}
		error = count_error(error, counts);
		if (error != EBB_OK)
			return stopped(trace, i, error);
		if (model_tables(model) > *peak_tables)
			*peak_tables = model_tables(model);
	}
	return TOOL_OK;
}
