/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_DEVICE_H
#define EBB_TESTS_DEVICE_H
/*
 * A platform for tests: the hosted one, with a device behind it that forgets nothing until it is
 * told to. It keeps every translation and every reference to a table that it has seen until an
 * invalidation names it; if walks do not snoop, it sees only what was written back, and rubbish in
 * tables that never were; in caching mode it also remembers what was not mapped, and if a table was
 * missing only a wide invalidation makes it forget that. It counts and logs what the core asks of
 * the platform, and lets a test act in the middle of a call.
 */
#include <pthread.h>
#include "ebb.h"
#include "vtd.h"

#define DEVICE_SLOTS   64u
#define DEVICE_BUCKETS 1024u
#define DEVICE_LOG     512u

struct shadow; /* what the device knows of one table */

struct iotlb_slot {
	bool valid, present;
	unsigned level; /* of the table that the walk ended in */
	uint64_t first, last, pa;
	unsigned size_lg2, prot;
};

struct walk_slot { /* a reference to the table at `level` that spans [first, last] */
	bool valid;
	unsigned level;
	uint64_t first, last, table_pa;
};

struct device_hook { /* called once, then forgotten; outside the device's lock */
	void (*fn)(void *arg);
	void *arg;
};

struct device_counts {
	uint64_t allocations, freed, graces, invalidations, leaf_spans, wide_spans, write_backs;
};

struct device {
	struct ebb_platform inner;
	uint32_t flags;
	unsigned levels;
	uint64_t root_pa;
	bool jitter; /* callbacks give way to other threads now and then, in read sections too */
	struct device_hook on_grace, before_invalidation, after_invalidation, on_write_back,
		on_allocation;
	pthread_mutex_t lock; /* guards what follows */
	const char *fault; /* the first thing that went wrong */
	struct device_counts counts;
	int node; /* of the last allocation */
	unsigned logged; /* spans since device_forget() */
	struct ebb_span log[DEVICE_LOG];
	struct iotlb_slot iotlb[DEVICE_SLOTS];
	struct walk_slot walks[DEVICE_SLOTS];
	struct shadow *buckets[DEVICE_BUCKETS];
};

/*
 * Wraps `inner`. The domain's flags (EBB_NONSNOOPING, EBB_CACHING_MODE) tell what kind of device it
 * is.
 */
struct device *device_create(const struct ebb_platform *inner, uint32_t flags);
struct ebb_platform device_platform(struct device *dev);
/* After ebb_domain_init(): points the device at the root. */
void device_attach(struct device *dev, uint64_t root_pa, unsigned levels);
void device_destroy(struct device *dev);

/* One word of a table, as the CPU sees it. */
uint64_t *table_word(uint64_t table_pa, unsigned index);
/* A vtd_read_fn that reads memory, without any cache. */
uint64_t memory_read(void *unused, uint64_t table_pa, unsigned index);

/* What a DMA to `iova` meets, through the caches. */
void device_translate(struct device *dev, uint64_t iova, struct vtd_walk *w);
/*
 * A DMA with hardware accessed/dirty bits: sets A in each entry on the way, D in the leaf if
 * `write`. False: no leaf.
 */
bool device_touch(struct device *dev, uint64_t iova, bool write);
/* With nothing unmapped and not synced: NULL, or what the caches hold that the tree does not. */
const char *device_stale(struct device *dev);
const char *device_fault(struct device *dev);

struct device_counts device_counts(struct device *dev);
void device_forget(struct device *dev);
/* Whether the spans since device_forget() cover [first, last]; EBB_WIDE: the wide ones alone. */
bool device_was_told(struct device *dev, uint64_t first, uint64_t last, enum ebb_invalidation kind);

#endif
