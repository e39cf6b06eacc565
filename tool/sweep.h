/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_SWEEP_H
#define EBB_TOOL_SWEEP_H
/*
 * The sweep: map `size` bytes at every `step` through the IOVA space, from 0 on, and unmap and sync
 * each at once.
 */
#include "space.h"

#include <argp.h>

struct sweep {
	uint64_t total, step, size; /* bytes; step <= total, size <= step, all multiples of 4 KiB */
	unsigned threads; /* each sweeps a contiguous part, with a gather of its own */
};

struct sweep_result {
	double seconds; /* from the start of all threads to the end of the last */
	double ns_per_pair; /* of one thread: wall time, times threads, by pairs */
};

uint64_t sweep_pairs(const struct sweep *sweep);

/* As deep a tree as the IOVA space asks for: 4 levels up to 256 TiB, else 5. */
unsigned sweep_levels(const struct sweep *sweep);

/*
 * Tables in the tree after a sweep that never frees one. Exact if `step` is a multiple of 1 GiB or
 * divides one, else up to three times as many as there will be.
 */
uint64_t sweep_tables(const struct sweep *sweep);

/*
 * Parses -s, --step and --size into the struct sweep that is its input, and checks all of it in the
 * end.
 */
extern const struct argp sweep_argp;

/* Runs it, with progress on a terminal. `space` has sweep_levels(). Returns an enum tool_exit. */
int sweep_run(struct space *space, const struct sweep *sweep, const char *label,
	      struct sweep_result *result);

#endif
