/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_CROWD_H
#define EBB_TESTS_CROWD_H
/*
 * 2 to 8 threads map, unmap and sync at random, each on ranges of its own, that share tables at
 * every level. All the time reclaimers run, another thread looks at the whole aperture, and a
 * device, where there is one, does DMA to anything from two threads and completes invalidations in
 * a third. Each thread checks its own ranges after each map and after each sync; the device is told
 * of them as well, and holds all its DMA to that. The numbers of operations are fixed.
 */
#include "support.h"

#define CROWD_WORKERS_MAX    8u
#define CROWD_RECLAIMERS_MAX 20u

struct crowd {
	unsigned workers, reclaimers;
	unsigned operations; /* of each worker */
	bool narrow; /* two pages each, in tables that nothing else keeps */
};

/* Everything is unmapped and synced at the end. Fails the test that calls it, in its thread. */
void run_crowd(struct fixture *f, struct crowd crowd, uint64_t *rng);

#endif
