/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What is mapped and unmapped. Where patterns have pages live between two pairs, as rings have, a
 * pair maps one page and unmaps the one that was mapped `live` pairs ago.
 */
#include "bench.h"
#include "tool.h"

#define PAGE	   (4 * KIB)
#define PAGE_LG2   12u
#define LEAF_SPAN  (2 * MIB) /* what a leaf table spans */
#define LINE_PAGES 8u /* entries in a cache line */
#define RING_LIVE  256u
#define EDGE_LIVE  8u
#define RANDOM_LG2 42u /* 4 TiB */
/* A thread's part of the space: 64 threads have 2 TiB each. */
#define PART (2 * TIB)

#define SIZES(text, len, offset, pairs)                        \
	{                                                      \
		"sizes", text, BENCH_SIZES, len, offset, pairs \
	}

const struct bench_pattern bench_patterns[BENCH_PATTERNS] = {
	{ "sweep", "4K", BENCH_SWEEP, PAGE, PAGE, 16384 },
	{ "pingpong", "4K", BENCH_PINGPONG, PAGE, PAGE, 131072 },
	{ "pingpong2", "4K", BENCH_PINGPONG2, PAGE, PAGE, 131072 },
	{ "ring256", "4K", BENCH_RING, PAGE, PAGE, 131072 },
	{ "random", "4K", BENCH_RANDOM, PAGE, PAGE, 16384 },
	{ "shared", "4K", BENCH_SHARED, PAGE, PAGE, 131072 },
	{ "edge", "4K", BENCH_EDGE, PAGE, PAGE, 131072 },
	/* One place again and again. The offset keeps runs of pages from becoming larger pages. */
	SIZES("4K", PAGE, PAGE, 131072),
	SIZES("2M", 2 * MIB, 2 * MIB, 65536),
	SIZES("1G", GIB, 0, 65536),
	SIZES("16x4K", 16 * PAGE, PAGE, 32768),
	SIZES("256x4K", 256 * PAGE, PAGE, 4096),
	SIZES("512x4K", 512 * PAGE, PAGE, 2048),
	SIZES("256x2M", 512 * MIB, 2 * MIB, 4096),
};

/* Pages that stay mapped from one pair to the next. */
static unsigned live_pages(enum bench_kind kind)
{
	return kind == BENCH_RING ? RING_LIVE : kind == BENCH_EDGE ? EDGE_LIVE : 0;
}

/* splitmix64: a few instructions, and no table to keep in the cache. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* What the `at`-th pair of a thread maps. */
static inline uint64_t iova_at(enum bench_kind kind, struct bench_walk *walk, uint64_t at)
{
	uint64_t part = walk->thread * PART;

	switch (kind) {
	case BENCH_SWEEP: /* a page every 2 MiB */
		return part + at * LEAF_SPAN % PART;
	case BENCH_PINGPONG:
	case BENCH_SIZES: /* one place */
		return part + GIB;
	case BENCH_PINGPONG2: /* two tables in turn */
		return part + GIB + at % 2 * LEAF_SPAN;
	case BENCH_RING: /* 256 live pages slide round and round in one table */
		return part + GIB + at % (2 * RING_LIVE) * PAGE;
	case BENCH_EDGE: /* 8 live pages slide across a border of 1 GiB and begin anew */
		return part + GIB + (at % (2 * EDGE_LIVE)) * PAGE - EDGE_LIVE * PAGE;
	case BENCH_RANDOM: { /* any page of 4 TiB that is this thread's */
		uint64_t page = ((next_random(&walk->random) >> 32) * walk->random_pages) >> 32;

		return (page * walk->threads + walk->thread) * PAGE;
	}
	case BENCH_SHARED: { /* cache lines of one table in turn, some of them this thread's */
		uint64_t line =
			(at / LINE_PAGES & walk->shared_mask) * walk->threads + walk->thread;

		return GIB + (line * LINE_PAGES + at % LINE_PAGES) * PAGE;
	}
	}
	return 0;
}

static inline int worse(int error, int other)
{
	return other < error ? other : error;
}

static inline __attribute__((always_inline)) int do_pairs(enum bench_kind kind,
							  struct bench_walk *walk, unsigned pairs)
{
	const struct bench_engine *engine = walk->engine;
	const uint64_t len = walk->pattern->len, offset = walk->pattern->pa_offset;
	const unsigned live = live_pages(kind);
	void *caller = walk->caller;
	int error = EBB_OK;

	for (uint64_t at = walk->at; at < walk->at + pairs; at++) {
		uint64_t in = iova_at(kind, walk, at);
		uint64_t out = live == 0 ? in : iova_at(kind, walk, at - live);

		error = worse(error, engine->map(caller, in, in + offset, len));
		error = worse(error, engine->unmap(caller, out, len));
		engine->sync(caller);
	}
	walk->at += pairs;
	return error;
}

int bench_walk_pairs(struct bench_walk *walk, unsigned pairs)
{
	switch (walk->pattern->kind) { /* a loop for each, without decisions inside */
	case BENCH_SWEEP:
		return do_pairs(BENCH_SWEEP, walk, pairs);
	case BENCH_PINGPONG:
		return do_pairs(BENCH_PINGPONG, walk, pairs);
	case BENCH_PINGPONG2:
		return do_pairs(BENCH_PINGPONG2, walk, pairs);
	case BENCH_RING:
		return do_pairs(BENCH_RING, walk, pairs);
	case BENCH_RANDOM:
		return do_pairs(BENCH_RANDOM, walk, pairs);
	case BENCH_SHARED:
		return do_pairs(BENCH_SHARED, walk, pairs);
	case BENCH_EDGE:
		return do_pairs(BENCH_EDGE, walk, pairs);
	case BENCH_SIZES:
		return do_pairs(BENCH_SIZES, walk, pairs);
	}
	return EBB_ERR_INVALID;
}

int bench_walk_begin(struct bench_walk *walk)
{
	const struct bench_pattern *pattern = walk->pattern;
	unsigned lines = EBB_TABLE_ENTRIES / LINE_PAGES / walk->threads;
	int error = EBB_OK;

	walk->random = walk->thread;
	walk->random_pages = ((uint64_t)1 << (RANDOM_LG2 - PAGE_LG2)) / walk->threads;
	walk->shared_mask = 1;
	while (walk->shared_mask * 2 <= lines)
		walk->shared_mask *= 2;
	walk->shared_mask--;
	for (walk->at = 0; walk->at < live_pages(pattern->kind); walk->at++) {
		uint64_t iova = iova_at(pattern->kind, walk, walk->at);

		error = worse(error, walk->engine->map(walk->caller, iova,
						       iova + pattern->pa_offset, pattern->len));
	}
	return error;
}

int bench_walk_end(struct bench_walk *walk)
{
	const struct bench_pattern *pattern = walk->pattern;
	unsigned live = live_pages(pattern->kind);
	int error = EBB_OK;

	for (uint64_t at = walk->at - live; at < walk->at; at++)
		error = worse(error,
			      walk->engine->unmap(walk->caller, iova_at(pattern->kind, walk, at),
						  pattern->len));
	walk->engine->sync(walk->caller);
	return error;
}
