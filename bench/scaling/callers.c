/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "callers.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE	    4096ull
#define LEAF_SPAN   (2ull << 20) /* what a leaf table spans */
#define PART	    (8ull << 30) /* a caller's part of a sweep */
#define RANDOM_LG2  42u
#define LINE_PAGES  8u /* entries in a cache line */
#define RING	    256u
#define RING_LIVE   128u
#define RING_OFFSET 132u /* pages: rings begin within a table, and within a cache line */
#define CALLS	    3u /* map, unmap, sync */
/* A dense pattern is in its rhythm soon; a sparse one when each caller has reclaimed twice. */
#define WARM_UP (3u * EBB_BATCH_MAX)
#define COUNTED (4u * EBB_BATCH_MAX)

const char *const pattern_names[PATTERNS] = {
	[PATTERN_APART] = "apart", [PATTERN_SHARED] = "shared", [PATTERN_RING256] = "ring256",
	[PATTERN_SWEEP] = "sweep", [PATTERN_RANDOM] = "random",
};

const char *const policy_names[EBB_POLICIES] = {
	[EBB_NONE] = "none", [EBB_RWLOCK] = "rwlock", [EBB_DEFERRED] = "deferred"
};

/* splitmix64, as a function of the position: no state to keep. */
static uint64_t random_at(uint64_t n)
{
	uint64_t z = (n + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* What a caller maps in its pair number `at`. No two callers ever have the same page. */
static uint64_t iova_at(enum pattern pattern, unsigned caller, uint64_t at)
{
	switch (pattern) {
	case PATTERN_APART:
		return caller * LINE_PAGES * PAGE;
	case PATTERN_SHARED:
		return caller * PAGE;
	case PATTERN_RING256:
		return (RING_OFFSET + caller * RING + at % RING) * PAGE;
	case PATTERN_SWEEP:
		return caller * PART + at * LEAF_SPAN;
	case PATTERN_RANDOM:
		return (random_at(at * SIM_CALLERS_MAX + caller) >> (64 - RANDOM_LG2)) /
			       (SIM_CALLERS_MAX * PAGE) * (SIM_CALLERS_MAX * PAGE) +
		       caller * PAGE;
	case PATTERNS:
		break;
	}
	abort();
}

static void must(int error, const char *what)
{
	if (error != EBB_OK) {
		fprintf(stderr, "scaling: %s: %s\n", what, ebb_strerror(error));
		exit(1);
	}
}

/* One call of a caller, its number `n`. */
static void call(enum pattern pattern, unsigned caller, uint64_t n)
{
	struct ebb_gather *g = sim_turn(caller);
	uint64_t at = n / CALLS, live = pattern == PATTERN_RING256 ? RING_LIVE : 0;
	uint64_t in = iova_at(pattern, caller, at);

	switch (n % CALLS) {
	case 0:
		must(ebb_map(g, EBB_IOVA(in), EBB_PA(in), PAGE, EBB_READ | EBB_WRITE), "map");
		break;
	case 1:
		if (at >= live)
			must(ebb_unmap(g, EBB_IOVA(iova_at(pattern, caller, at - live)), PAGE,
				       NULL),
			     "unmap");
		break;
	default:
		ebb_sync(g);
	}
}

/*
 * A call of each caller in turn. Neighbours begin one call apart, so that callers do not all map,
 * then all unmap.
 */
static void turns(enum pattern pattern, unsigned callers, uint64_t from, uint64_t to)
{
	for (uint64_t turn = from; turn < to; turn++)
		for (unsigned c = 0; c < callers; c++)
			if (turn >= c % CALLS)
				call(pattern, c, turn - c % CALLS);
}

struct result callers_run(enum pattern pattern, const struct sim_options *options)
{
	struct result r = { .pairs = (uint64_t)options->callers * COUNTED };
	struct ebb_stats before, after;
	struct sim_counts start;

	sim_open(options);
	turns(pattern, options->callers, 0, WARM_UP * CALLS);
	before = sim_stats();
	start = *sim_counts();
	turns(pattern, options->callers, WARM_UP * CALLS, (WARM_UP + COUNTED) * CALLS);
	r.counts = *sim_counts();
	after = sim_stats();
	sim_close();

	for (unsigned k = 0; k < SIM_KINDS; k++)
		r.counts.transfers[k] -= start.transfers[k];
	r.counts.accesses -= start.accesses;
	r.counts.rmws -= start.rmws;
	r.counts.grace_periods -= start.grace_periods;
	r.freed = after.freed - before.freed;
	r.wide_invalidations = after.wide_invalidations - before.wide_invalidations;
	return r;
}
