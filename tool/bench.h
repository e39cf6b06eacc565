/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_BENCH_H
#define EBB_BENCH_H
/*
 * The parts of `ebb bench`. An engine is one of the things compared, a pattern is what is done with
 * it; a cell is one pattern with so many threads, measured with all engines in turn, round after
 * round; a chunk is what one engine does in one round, in a domain of its own; a slice is the part
 * of a chunk that is timed in one piece.
 */
#include "bench_engine.h"
#include "bench_pages.h"

#include <stdio.h>

#define BENCH_LEVELS	  4u
#define BENCH_ENGINES_MAX 8u
#define BENCH_ROUNDS_MAX  1000u
#define BENCH_SLICES	  64u /* of a chunk */

/* ---- engines --------------------------------------------------------------------------------- */

extern const struct bench_engine *const bench_policies[EBB_POLICIES];

/* The engine in a shared object, which stays loaded; NULL after a message. */
const struct bench_engine *bench_peer_load(const char *file);

/* Holds an engine against plain models of what is mapped. Returns an enum tool_exit. */
int bench_verify(const struct bench_engine *engine, struct bench_pages *pages);

/* ---- patterns -------------------------------------------------------------------------------- */

enum bench_kind {
	BENCH_SWEEP,
	BENCH_PINGPONG,
	BENCH_PINGPONG2,
	BENCH_RING,
	BENCH_RANDOM,
	BENCH_SHARED,
	BENCH_EDGE,
	BENCH_SIZES,
};

struct bench_pattern {
	const char *name, *size; /* what one call maps, as text... */
	enum bench_kind kind;
	uint64_t len,
		pa_offset; /* ...and in bytes; PA - IOVA, which decides on the size of pages */
	unsigned pairs; /* of each thread in a chunk */
};

#define BENCH_PATTERNS 14u
extern const struct bench_pattern bench_patterns[BENCH_PATTERNS];

/* One thread's way through a pattern. */
struct bench_walk {
	const struct bench_pattern *pattern;
	const struct bench_engine *engine;
	void *caller;
	unsigned thread, threads;
	uint64_t at; /* pairs so far */
	uint64_t random, random_pages; /* state; how many pages of the space are this thread's */
	/* of a table's cache lines that are this thread's: their number, a power of two, - 1 */
	unsigned shared_mask;
};

/*
 * Maps what is mapped between two pairs; does pairs (each a map, an unmap and a sync); unmaps
 * everything. All return EBB_OK or an error that one of the calls returned.
 */
int bench_walk_begin(struct bench_walk *walk);
int bench_walk_pairs(struct bench_walk *walk, unsigned pairs);
int bench_walk_end(struct bench_walk *walk);

/* ---- measuring ------------------------------------------------------------------------------- */

struct bench_cell {
	const struct bench_pattern *pattern;
	const struct bench_engine *const *engines;
	unsigned nengines;
	unsigned threads, pairs, rounds;
	bool realtime; /* the threads ask for a real-time priority */
	bool offline; /* the threads are as ebb_hosted_register_thread() leaves them, not online */
	struct bench_pages *pages;
};

/* One engine in one round. */
struct bench_sample {
	/* per pair, of the slices in which no thread was preempted; NAN if there is none */
	double ns;
	double instructions; /* per pair; NAN where they cannot be counted */
};

struct bench_result {
	struct bench_sample samples[BENCH_ROUNDS_MAX]; /* rounds */
	unsigned slices, disturbed, waits; /* of all rounds; slices in which a thread slept */
	struct bench_tables tables; /* the most of all rounds */
	uint64_t pages_peak; /* pages that the engine had at most */
};

/* One thread in one slice. */
struct bench_slice {
	uint64_t started, ended; /* nanoseconds */
	uint64_t instructions;
	bool preempted, slept;
};

/*
 * Sums up a chunk: slices[thread * BENCH_SLICES + slice]. Slices in which a thread was preempted
 * are counted in the result, and left out of the sample.
 */
struct bench_sample bench_sum_up(const struct bench_slice *slices, unsigned threads,
				 unsigned nslices, unsigned slice_pairs,
				 struct bench_result *result);

/* Measures a cell into results[nengines]. Returns an enum tool_exit. */
int bench_run(const struct bench_cell *cell, struct bench_result *results);

/* Nanoseconds or ratios over the rounds; all NAN if there is not one. */
struct bench_spread {
	double least, median, most;
	unsigned rounds;
};

struct bench_spread bench_ns(const struct bench_cell *cell, const struct bench_result *result);
/* Of one engine's time by another's in the same round. */
struct bench_spread bench_ratio(const struct bench_cell *cell, const struct bench_result *result,
				const struct bench_result *base);
double bench_instructions(const struct bench_cell *cell, const struct bench_result *result);

/* ---- counting instructions ------------------------------------------------------------------- */

/* A counter of the calling thread's instructions in user mode; -1 where there is none. */
int bench_counter_open(void);
void bench_counter_close(int counter);
uint64_t bench_counter_read(int counter);

#endif
