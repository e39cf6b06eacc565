/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_SOFTIOMMU_PRIVATE_H
#define EBB_SOFTIOMMU_PRIVATE_H
/* What the files of the software IOMMU share. All of it is guarded by soft_iommu.lock. */
#include "softiommu.h"

#define SOFT_SLOTS   256u /* of each cache */
#define SOFT_BUCKETS 1024u
#define SOFT_LOG     512u
#define SOFT_EVENTS  256u
#define SOFT_RECORDS 8u

/* ---- formats ---- */

struct soft_hardware { /* what it can do; the bits of all else are reserved */
	unsigned pa_width_lg2; /* of output addresses */
	uint32_t leaf_levels;
	bool snoop_control;
};

struct soft_reader { /* how a walk gets at entries */
	soft_read_fn read;
	void *ctx;
	struct soft_hardware hardware;
};

struct soft_format { /* a file each, from the hardware's specification */
	struct soft_hardware hardware; /* the most that there is */
	uint64_t address, accessed, dirty; /* masks */
	uint64_t ignored; /* bits of a present entry that software may use as it likes */
	uint64_t (*span)(unsigned level); /* of an entry */
	unsigned (*index)(uint64_t iova, unsigned level);
	bool (*present)(uint64_t entry);
	/* From the table at `table_pa`, which stands at `level`. */
	void (*walk)(struct soft_walk *w, const struct soft_reader *r, uint64_t table_pa,
		     unsigned level, uint64_t iova);
	/* An entry that looks valid at every level and refers to `table_pa`. */
	uint64_t (*hostile)(uint64_t table_pa);
};

extern const struct soft_format soft_vtdss;

/* ---- tables.c: what the device knows of each table ---- */

struct soft_table {
	struct ebb_table *va;
	struct soft_table *next; /* in its bucket */
	bool freed; /* in quarantine */
	struct soft_table *next_freed;
	uint64_t words[]; /* as the device sees them; only if its walks do not snoop */
};

/* ---- cache.c ---- */

struct soft_page { /* a slot of the IOTLB */
	bool valid, accessed, dirty;
	uint64_t first, last, pa;
	unsigned size_lg2, prot;
};

struct soft_link { /* a slot of the walk cache: the table at `level` that spans [first, last] */
	bool valid;
	unsigned level;
	uint64_t first, last, table_pa;
};

struct soft_hole { /* caching mode: the entry at `level` that spans [first, last] is not present */
	bool valid;
	unsigned level;
	uint64_t first, last;
};

/* ---- queue.c ---- */

struct soft_request {
	struct soft_request *next;
	uint64_t ticket;
	unsigned n;
	struct ebb_span spans[];
};

/* ---- expect.c ---- */

enum soft_state {
	SOFT_UNTOLD,
	SOFT_ANY,
	SOFT_MAPPED,
	SOFT_UNMAPPED,
};

struct soft_expectation { /* of [first, the next one's first) */
	uint64_t first;
	enum soft_state state;
	uint64_t pa; /* of `first` */
	unsigned prot;
};

/* ---- report.c ---- */

enum soft_event_kind {
	EVENT_GIVEN, /* a: the table */
	EVENT_FREED,
	EVENT_QUEUED, /* [a, b], leaf or wide */
	EVENT_DONE,
	EVENT_DMA, /* a: the IOVA, b: the answer, ~0 for none */
	EVENT_EXPECT, /* [a, b], the state */
};

struct soft_event {
	enum soft_event_kind kind;
	unsigned detail;
	uint64_t a, b;
};

struct soft_iommu {
	struct ebb_platform inner;
	struct soft_config config;
	const struct soft_format *format;
	struct soft_hardware hardware;
	uint64_t root_pa;
	bool attached, jitter;

	pthread_mutex_t lock;
	struct soft_hook hooks[SOFT_POINTS];
	struct soft_counts counts;
	int node;

	struct soft_table *buckets[SOFT_BUCKETS];
	struct soft_table *quarantine;
	unsigned quarantined;

	struct soft_page pages[SOFT_SLOTS];
	struct soft_link links[SOFT_SLOTS];
	struct soft_hole holes[SOFT_SLOTS];
	struct soft_record records[SOFT_RECORDS];
	unsigned nrecords;

	struct soft_request *oldest, *newest;
	uint64_t submitted, completed;
	pthread_cond_t work, done;
	pthread_t thread;
	bool stop;

	unsigned logged;
	struct ebb_span log[SOFT_LOG];

	struct soft_expectation *expected;
	unsigned nexpected, room;

	struct soft_event events[SOFT_EVENTS];
	uint64_t nevents;
	bool told; /* the report has been delivered */
	struct soft_report report;
};

/* ---- report.c ---- */

void soft_lock(struct soft_iommu *s);
/* Delivers a report that is due, under no lock. */
void soft_unlock(struct soft_iommu *s);
/* Notes the first fault. */
void soft_fail(struct soft_iommu *s, enum soft_fault fault, const char *text, uint64_t iova,
	       uint64_t table_pa);
void soft_note(struct soft_iommu *s, enum soft_event_kind kind, unsigned detail, uint64_t a,
	       uint64_t b);

/* ---- tables.c ---- */

struct soft_table *soft_table_at(struct soft_iommu *s, const void *va);
uint64_t *soft_word(uint64_t table_pa, unsigned index);
void soft_table_given(struct soft_iommu *s, struct ebb_table *va);
/* Poisons the tables of a list and keeps them. */
void soft_tables_freed(struct soft_iommu *s, struct ebb_table *list);
/* Ends the quarantine: zeroed tables, as a list for the inner platform, or NULL. */
struct ebb_table *soft_quarantine_end(struct soft_iommu *s);
void soft_tables_fini(struct soft_iommu *s);
/* What the device sees, and what the CPU sees; a bad table is reported, and reads as 0. */
uint64_t soft_read_device(void *ctx, uint64_t table_pa, unsigned index, uint64_t iova);
uint64_t soft_read_memory(void *ctx, uint64_t table_pa, unsigned index, uint64_t iova);
void soft_written_back(struct soft_iommu *s, const uint64_t *words, size_t n);
/* Sets bits in an entry as hardware does: only while it says what `entry` says. */
bool soft_set_bits(struct soft_iommu *s, uint64_t table_pa, unsigned index, uint64_t entry,
		   uint64_t bits);

/* ---- cache.c ---- */

void soft_translate(struct soft_iommu *s, uint64_t iova, enum soft_access access, bool cached,
		    struct soft_walk *w);
void soft_drop(struct soft_iommu *s, const struct ebb_span *span);
void soft_drop_all(struct soft_iommu *s);
bool soft_caches_table(struct soft_iommu *s, uint64_t table_pa, uint64_t *iova);

/* ---- queue.c ---- */

void soft_queue_init(struct soft_iommu *s);
void soft_queue_fini(struct soft_iommu *s);
/* Returns when the invalidation is complete; under no lock. */
uint64_t soft_invalidate(struct soft_iommu *s, const struct ebb_span *spans, unsigned n);

/* ---- expect.c ---- */

void soft_judge(struct soft_iommu *s, uint64_t iova, const struct soft_walk *w);
enum soft_state soft_expected(struct soft_iommu *s, uint64_t iova, uint64_t *pa, unsigned *prot);

#endif
