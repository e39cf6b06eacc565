/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_PLAYER_H
#define EBB_TOOL_PLAYER_H
/* Plays the events of a trace to a domain or to the model. */
#include "model.h"
#include "space.h"
#include "trace.h"

/* What became of the events. The same for every policy and for the model. */
struct play_counts {
	uint64_t maps, unmaps; /* all of them */
	uint64_t overlaps; /* maps of something that is mapped already, left out */
	uint64_t unmatched; /* unmaps of nothing */
	uint64_t skipped; /* empty, not aligned, of more than 1 TiB, or beyond the last address */
};

/* Plays events [from, to), with a sync after every unmap. Returns an enum tool_exit. */
int play(struct space *space, const struct trace *trace, size_t from, size_t to,
	 struct play_counts *counts);

/*
 * The same on a model. *peak_tables grows to the most tables that were needed after any of the
 * events.
 */
int play_model(struct model *model, const struct trace *trace, size_t from, size_t to,
	       struct play_counts *counts, uint64_t *peak_tables);

#endif
