/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_WORLD_H
#define EBB_TESTS_WORLD_H
/*
 * A domain under the scheduler, with the software IOMMU behind it: calls that check themselves.
 * After a map, and after a sync, software and the device are asked about both ends of the range;
 * the device is told what to expect, so that every DMA in every caller is judged as well. Whatever
 * is wrong ends the run by sched_fail().
 */
#include "scheduler.h"
#include "softiommu.h"

#define WORLD_PENDING 32u
#define PAGE	      (1ull << 12)
#define MIB_2	      (1ull << 21)
#define GIB	      (1ull << 30)
#define RW	      (EBB_READ | EBB_WRITE)

struct world_range {
	uint64_t iova, len;
};

struct world {
	struct ebb_config config;
	struct soft_iommu *device;
	struct ebb_domain domain;
	struct ebb_gather gathers[SCHED_CALLERS + 1]; /* the last: of nobody's, outside of runs */
	unsigned npending[SCHED_CALLERS + 1];
	struct world_range pending[SCHED_CALLERS + 1][WORLD_PENDING];
	uint64_t aperture;
};

/* Once, before the first run in w: what is shared is not known. */
void world_reset(struct world *w);
/* An empty domain with a gather for each of `callers`, and one besides. Clears the arena. */
void world_open(struct world *w, const struct ebb_config *config, unsigned callers);
/*
 * The gather of nobody's forgets which candidates it listed last. At its next sync it would list
 * them again, and so hide that a caller forgot them.
 */
void world_forget(struct world *w);
/*
 * With nothing mapped and no caller inside: syncs, reclaims, and checks that only the root is left,
 * that the device remembers nothing wrong and that every table goes back. NULL, or what is wrong.
 */
const char *world_close(struct world *w, unsigned callers);

/* Each by the running caller, through its own gather. */
int world_map(struct world *w, uint64_t iova, uint64_t pa, uint64_t len);
/* Fails the run unless it is `expected`. */
void world_must_map(struct world *w, uint64_t iova, uint64_t pa, uint64_t len);
/* After an error both answers of the device are still right; the caller knows better. */
int world_unmap(struct world *w, uint64_t iova, uint64_t len);
/* The same, where leaves that `part` cuts go with it: all that goes is `taken`. */
int world_unmap_part(struct world *w, struct world_range part, struct world_range taken,
		     uint64_t *unmapped);
void world_sync(struct world *w);
void world_unmap_sync(struct world *w, uint64_t iova, uint64_t len);
void world_reclaim(struct world *w, unsigned budget);
/* A DMA, through the device's caches; judged by what the device was told. */
void world_dma(struct world *w, uint64_t iova, enum soft_access access);
/* ebb_translate() and a DMA agree that iova maps to pa. */
void world_check_mapped(struct world *w, uint64_t iova, uint64_t pa);

struct ebb_gather *world_gather(struct world *w);

#endif
