/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef SCALING_CALLERS_H
#define SCALING_CALLERS_H
/* Callers that map, unmap and sync in turn, and what they cost in cache lines. */
#include "sim.h"

enum pattern {
	/* one page each, 8 pages apart: 64 callers share a leaf table, none a line */
	PATTERN_APART,
	PATTERN_SHARED, /* one page each, neighbours: 8 callers share a cache line of leaves */
	PATTERN_RING256, /* a ring of 256 pages each, half of them live, neighbours */
	PATTERN_SWEEP, /* a page every 2 MiB, 8 GiB each */
	PATTERN_RANDOM, /* a page anywhere in 4 TiB */
	PATTERNS,
};

extern const char *const pattern_names[PATTERNS];
extern const char *const policy_names[EBB_POLICIES];

struct result {
	uint64_t pairs; /* a map, an unmap, a sync */
	struct sim_counts counts;
	uint64_t freed, wide_invalidations;
};

/* Warms up, then counts. The same options give the same result, always. */
struct result callers_run(enum pattern pattern, const struct sim_options *options);

#endif
