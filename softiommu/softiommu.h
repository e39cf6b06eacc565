/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_SOFTIOMMU_H
#define EBB_SOFTIOMMU_H
/*
 * A software IOMMU: the device's side of the page tables, for tests. It stands between the core and
 * a platform, watches what the core asks of that platform, and does DMA through the tables as the
 * most inconvenient hardware might:
 *
 *   - it walks by the format's hardware rules, in code that shares nothing with the core;
 *   - its IOTLB and its walk cache forget nothing until an invalidation that names it has
 *     completed, and they are consulted lowest level first;
 *   - invalidations are queued and complete later, when a device thread, or the test, gets to them;
 *   - where walks do not snoop, it sees only what was written back, and rubbish in the rest;
 *   - in caching mode it remembers that entries were not present;
 *   - it sets accessed and dirty bits in memory while software writes there;
 *   - a table that goes back to the platform is filled with entries that look valid and lead
 *     nowhere, and is watched for stores until it is given out again.
 *
 * It reports the first thing that goes wrong, with what it knows of the tables and IOVAs concerned,
 * and aborts, unless the configuration says otherwise. enum soft_fault has the list.
 *
 * What a test tells it of mappings (soft_expect_*()) it holds every DMA to, in every thread: a map
 * that has completed must translate, and what was unmapped and synced must not.
 */
#include <pthread.h>
#include "ebb.h"

enum soft_fault {
	SOFT_OK,
	SOFT_RESERVED_BIT, /* an entry on the way breaks a rule of the format */
	SOFT_FREED_TABLE, /* a walk into a table that had gone back to the platform */
	SOFT_UNKNOWN_TABLE, /* a walk to an address that never was a table's */
	SOFT_UNLINKED_TABLE, /* the walk cache leads to a table that is no longer linked there */
	SOFT_CACHED_TABLE, /* a table was freed while the walk cache refers to it */
	SOFT_FREED_TWICE, /* or never given out */
	SOFT_WRITTEN_FREED, /* a store into a freed table */
	SOFT_GIVEN_TWICE, /* the platform gave out a table that was not free, or not zero */
	SOFT_LOST_MAPPING, /* a completed map does not translate */
	SOFT_WRONG_MAPPING, /* ... or not to what it should */
	SOFT_STALE_MAPPING, /* an unmapped and synced IOVA still translates */
	SOFT_BAD_REQUEST, /* an empty span to invalidate, a write-back outside of tables */
	SOFT_DETACHED, /* DMA without a root */
};

struct soft_report {
	enum soft_fault fault;
	const char *text; /* what is wrong, in one sentence */
	uint64_t iova, table_pa; /* 0: unknown */
	/* the walk in memory, the caches, what happened last; lines end in \n */
	char details[4096];
};

struct soft_walk { /* what a DMA met */
	const char *rule; /* the rule that the last entry breaks, NULL: none */
	bool present; /* a leaf was found */
	bool denied; /* ... that does not allow the access */
	unsigned level; /* of the table that holds the last entry */
	uint64_t tables[EBB_LEVELS_MAX]; /* by level, from the start of the walk to `level` */
	uint64_t entries[EBB_LEVELS_MAX]; /* what was read there */
	/* if present: */
	uint64_t pa; /* of the IOVA */
	unsigned size_lg2; /* of the page */
	unsigned prot; /* EBB_READ, EBB_WRITE, EBB_SNOOP */
};

enum soft_access {
	SOFT_PROBE, /* a translation request: checks no permission, sets no bit */
	SOFT_READ, /* sets accessed bits where the domain has them */
	SOFT_WRITE, /* and the dirty bit */
};

enum soft_completion {
	SOFT_INLINE, /* whoever waits for an invalidation completes the queue up to it */
	SOFT_THREAD, /* a thread of the device does, some time later */
	SOFT_STEPS, /* the test does, by soft_step(), while config.wait() is being called */
};

struct soft_config {
	enum ebb_format_id format;
	unsigned levels, pa_width_lg2; /* 0: what the format has */
	/* bit l: the hardware knows leaves at level l; 0: all of the format's */
	uint32_t leaf_levels;
	uint32_t flags; /* the domain's: EBB_NONSNOOPING, EBB_CACHING_MODE, ... */
	enum soft_completion completion;
	/* SOFT_STEPS: called again and again by a caller whose invalidation is not complete */
	void (*wait)(void *arg);
	/* NULL: print the report and abort. Else called for the first fault only, under no lock. */
	void (*on_fault)(void *arg, const struct soft_report *report);
	void *arg; /* for both */
	/* policy rwlock: a table leaves the tree before the device forgets it, under the lock */
	bool unlinks_first;
};

struct soft_iommu;

/* Wraps `inner`, whose callbacks it calls and which must outlive it. Never NULL. */
struct soft_iommu *soft_create(const struct ebb_platform *inner, const struct soft_config *config);
/* What to hand to ebb_domain_init(). */
struct ebb_platform soft_platform(struct soft_iommu *s);
/* After ebb_domain_init(): points the device at the root. */
void soft_attach(struct soft_iommu *s, ebb_pa root);
/* Before ebb_domain_destroy(): no DMA follows, and nothing is cached. */
void soft_detach(struct soft_iommu *s);
/* After ebb_domain_destroy(). Gives the quarantined tables back to the inner platform. */
void soft_destroy(struct soft_iommu *s);

/*
 * One DMA access to `iova`, through the caches. Any thread. A DMA that finds nothing, or not the
 * permission, leaves a fault record, as hardware does, unless it is a probe.
 */
void soft_dma(struct soft_iommu *s, uint64_t iova, enum soft_access access, struct soft_walk *w);
/* The same without caches, and without leaving anything in them: what a device just reset sees. */
void soft_dma_uncached(struct soft_iommu *s, uint64_t iova, enum soft_access access,
		       struct soft_walk *w);

/* How a walk gets at an entry of the table at `table_pa`. */
typedef uint64_t (*soft_read_fn)(void *ctx, uint64_t table_pa, unsigned index, uint64_t iova);

/*
 * The hardware's walk alone, without any device or cache: from the table at `table_pa`, which
 * stands at `level`. pa_width_lg2: bits of an output address.
 */
void soft_walk(enum ebb_format_id format, struct soft_walk *w, soft_read_fn read, void *ctx,
	       unsigned pa_width_lg2, uint64_t table_pa, unsigned level, uint64_t iova);

/* ---- expectations; a range about which nothing was said is not judged ---- */

/* After ebb_map() has returned. */
void soft_expect_mapped(struct soft_iommu *s, uint64_t iova, uint64_t pa, uint64_t len,
			unsigned prot);
/* Before ebb_map() and ebb_unmap(): from now on both answers are right. */
void soft_expect_any(struct soft_iommu *s, uint64_t iova, uint64_t len);
/* After the ebb_sync() that covers the unmap. */
void soft_expect_unmapped(struct soft_iommu *s, uint64_t iova, uint64_t len);

/* ---- the invalidation queue ---- */

/* SOFT_STEPS: completes the oldest request. False: there is none. */
bool soft_step(struct soft_iommu *s);

/* ---- what a test may ask ---- */

struct soft_counts {
	uint64_t allocations, freed, graces, invalidations, leaf_spans, wide_spans, write_backs;
	uint64_t dmas, iotlb_hits, walk_hits, fault_records;
};

struct soft_record { /* a fault record */
	uint64_t iova;
	bool write;
	bool present; /* a leaf was there, without the permission */
};

struct soft_counts soft_counts(struct soft_iommu *s);
/* Takes up to n of the oldest fault records; hardware keeps few, and drops the rest. */
unsigned soft_records(struct soft_iommu *s, struct soft_record *records, unsigned n);
/* The first fault's text, NULL if there was none. */
const char *soft_fault_text(struct soft_iommu *s);
/* With nothing unmapped and not synced: NULL, or what the caches hold that the tree does not. */
const char *soft_stale(struct soft_iommu *s);
/* Tables that were freed to the platform and are kept, poisoned, until the next allocation. */
unsigned soft_quarantined(struct soft_iommu *s);
/* Whether a table is all zero; where walks do not snoop, in memory as well. */
bool soft_is_clean(struct soft_iommu *s, const struct ebb_table *table);
/* The NUMA node of the last allocation. */
int soft_node(struct soft_iommu *s);

/* Forgets the spans that were invalidated so far... */
void soft_forget(struct soft_iommu *s);
/* ...and whether those since then cover [first, last]; EBB_WIDE: the wide ones alone. */
bool soft_was_told(struct soft_iommu *s, uint64_t first, uint64_t last, enum ebb_invalidation kind);

/* Callbacks give way to other threads now and then, in read sections too. */
void soft_set_jitter(struct soft_iommu *s, bool on);

/* A hook is called once, then forgotten; under no lock. */
struct soft_hook {
	void (*fn)(void *arg);
	void *arg;
};

enum soft_point {
	SOFT_ON_GRACE,
	SOFT_BEFORE_INVALIDATION,
	SOFT_AFTER_INVALIDATION,
	SOFT_ON_WRITE_BACK,
	SOFT_ON_ALLOCATION,
	SOFT_POINTS,
};

void soft_set_hook(struct soft_iommu *s, enum soft_point point, struct soft_hook hook);

#endif
