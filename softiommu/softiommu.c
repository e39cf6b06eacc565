/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The platform's callbacks, DMA, and the life of a software IOMMU. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <ebb_hot.h>
#include "private.h"

/* A new format adds a case here. */
static const struct soft_format *format_of(enum ebb_format_id format)
{
	if (format != EBB_VTDSS)
		abort();
	return &soft_vtdss;
}

/* ---- between the core and the platform ---- */

static void run_hook(struct soft_iommu *s, enum soft_point point)
{
	struct soft_hook hook;

	soft_lock(s);
	hook = s->hooks[point];
	s->hooks[point].fn = NULL;
	soft_unlock(s);
	if (hook.fn)
		hook.fn(hook.arg);
}

static void give_way(const struct soft_iommu *s)
{
	static _Thread_local unsigned calls;

	if (__atomic_load_n(&s->jitter, __ATOMIC_RELAXED) && calls++ % 3 == 0)
		sched_yield();
}

/* Under no lock: the inner platform may do as it likes. */
static void end_quarantine(struct soft_iommu *s)
{
	struct ebb_table *list;

	soft_lock(s);
	list = soft_quarantine_end(s);
	soft_unlock(s);
	if (list)
		s->inner.free_tables(s->inner.ctx, list);
}

static struct ebb_table *alloc_table(void *ctx, int node)
{
	struct soft_iommu *s = ctx;
	struct ebb_table *table;

	run_hook(s, SOFT_ON_ALLOCATION);
	give_way(s);
	end_quarantine(s);
	table = s->inner.alloc_table(s->inner.ctx, node);
	soft_lock(s);
	s->counts.allocations++;
	s->node = node;
	if (table)
		soft_table_given(s, table);
	soft_unlock(s);
	return table;
}

static void free_tables(void *ctx, struct ebb_table *list)
{
	struct soft_iommu *s = ctx;

	soft_lock(s);
	soft_tables_freed(s, list);
	soft_unlock(s);
}

static void grace_wait(void *ctx)
{
	struct soft_iommu *s = ctx;

	run_hook(s, SOFT_ON_GRACE);
	give_way(s);
	soft_lock(s);
	s->counts.graces++;
	soft_unlock(s);
	s->inner.grace_wait(s->inner.ctx);
}

static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	struct soft_iommu *s = ctx;
	ebb_token token = { 0 };

	run_hook(s, SOFT_BEFORE_INVALIDATION);
	give_way(s);
	/* First the fence, then the request: what was stored before is what a new walk sees. */
	s->inner.invalidate(s->inner.ctx, spans, n);
	token.v = soft_invalidate(s, spans, n);
	run_hook(s, SOFT_AFTER_INVALIDATION);
	return token;
}

static void write_back(void *ctx, const void *start, size_t len)
{
	struct soft_iommu *s = ctx;

	run_hook(s, SOFT_ON_WRITE_BACK);
	give_way(s);
	if (s->inner.write_back)
		s->inner.write_back(s->inner.ctx, start, len);
	soft_lock(s);
	s->counts.write_backs++;
	soft_written_back(s, start, len / sizeof(uint64_t));
	soft_unlock(s);
}

/* ---- DMA ---- */

static void add_record(struct soft_iommu *s, uint64_t iova, enum soft_access access,
		       const struct soft_walk *w)
{
	s->counts.fault_records++;
	if (s->nrecords < SOFT_RECORDS)
		s->records[s->nrecords++] =
			(struct soft_record){ iova, access == SOFT_WRITE, w->present };
}

static void dma(struct soft_iommu *s, uint64_t iova, enum soft_access access, bool cached,
		struct soft_walk *w)
{
	unsigned needs = access == SOFT_READ ? EBB_READ : access == SOFT_WRITE ? EBB_WRITE : 0;

	memset(w, 0, sizeof(*w));
	soft_lock(s);
	if (s->attached) {
		soft_translate(s, iova, access, cached, w);
		soft_note(s, EVENT_DMA, w->present, iova, w->pa);
		soft_judge(s, iova, w);
	} else {
		soft_fail(s, SOFT_DETACHED, "DMA without a root table", iova, 0);
	}
	w->denied = w->present && (w->prot & needs) != needs;
	if (access != SOFT_PROBE && (!w->present || w->denied))
		add_record(s, iova, access, w);
	soft_unlock(s);
}

void soft_dma(struct soft_iommu *s, uint64_t iova, enum soft_access access, struct soft_walk *w)
{
	dma(s, iova, access, true, w);
}

void soft_dma_uncached(struct soft_iommu *s, uint64_t iova, enum soft_access access,
		       struct soft_walk *w)
{
	dma(s, iova, access, false, w);
}

void soft_walk(enum ebb_format_id format, struct soft_walk *w, soft_read_fn read, void *ctx,
	       unsigned pa_width_lg2, uint64_t table_pa, unsigned level, uint64_t iova)
{
	const struct soft_format *f = format_of(format);
	struct soft_reader r = { read, ctx, f->hardware };

	r.hardware.pa_width_lg2 = pa_width_lg2;
	f->walk(w, &r, table_pa, level, iova);
}

/* ---- what a test may ask ---- */

struct soft_counts soft_counts(struct soft_iommu *s)
{
	struct soft_counts counts;

	soft_lock(s);
	counts = s->counts;
	soft_unlock(s);
	return counts;
}

unsigned soft_records(struct soft_iommu *s, struct soft_record *records, unsigned n)
{
	soft_lock(s);
	if (n > s->nrecords)
		n = s->nrecords;
	memcpy(records, s->records, n * sizeof(records[0]));
	s->nrecords -= n;
	memmove(s->records, &s->records[n], s->nrecords * sizeof(records[0]));
	soft_unlock(s);
	return n;
}

unsigned soft_quarantined(struct soft_iommu *s)
{
	unsigned n;

	soft_lock(s);
	n = s->quarantined;
	soft_unlock(s);
	return n;
}

int soft_node(struct soft_iommu *s)
{
	int node;

	soft_lock(s);
	node = s->node;
	soft_unlock(s);
	return node;
}

void soft_forget(struct soft_iommu *s)
{
	soft_lock(s);
	s->logged = 0;
	soft_unlock(s);
}

static const struct ebb_span *span_at(const struct soft_iommu *s, uint64_t iova,
				      enum ebb_invalidation kind)
{
	for (unsigned i = 0; i < s->logged; i++) {
		const struct ebb_span *span = &s->log[i];

		if (span->first.v <= iova && iova <= span->last.v &&
		    (span->kind == EBB_WIDE || kind == EBB_LEAF))
			return span;
	}
	return NULL;
}

bool soft_was_told(struct soft_iommu *s, uint64_t first, uint64_t last, enum ebb_invalidation kind)
{
	const struct ebb_span *span;
	bool covered = false;

	soft_lock(s);
	while (!covered && (span = span_at(s, first, kind))) {
		covered = span->last.v >= last;
		first = span->last.v + 1;
	}
	soft_unlock(s);
	return covered;
}

void soft_set_jitter(struct soft_iommu *s, bool on)
{
	__atomic_store_n(&s->jitter, on, __ATOMIC_RELAXED);
}

void soft_set_hook(struct soft_iommu *s, enum soft_point point, struct soft_hook hook)
{
	soft_lock(s);
	s->hooks[point] = hook;
	soft_unlock(s);
}

/* ---- life ---- */

struct soft_iommu *soft_create(const struct ebb_platform *inner, const struct soft_config *config)
{
	struct soft_iommu *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->inner = *inner;
	s->config = *config;
	s->format = format_of(config->format);
	s->hardware = s->format->hardware;
	s->hardware.snoop_control = config->flags & EBB_SNOOP_CONTROL;
	if (config->pa_width_lg2)
		s->hardware.pa_width_lg2 = config->pa_width_lg2;
	if (config->leaf_levels)
		s->hardware.leaf_levels = config->leaf_levels;
	pthread_mutex_init(&s->lock, NULL);
	soft_queue_init(s);
	return s;
}

struct ebb_platform soft_platform(struct soft_iommu *s)
{
	return (struct ebb_platform){
		.ctx = s,
		.alloc_table = alloc_table,
		.free_tables = free_tables,
		.grace_wait = grace_wait,
		.invalidate = invalidate,
		.write_back = write_back,
	};
}

void soft_attach(struct soft_iommu *s, ebb_pa root)
{
	soft_lock(s);
	s->root_pa = root.v;
	s->attached = true;
	soft_unlock(s);
}

void soft_detach(struct soft_iommu *s)
{
	soft_lock(s);
	s->attached = false;
	soft_drop_all(s);
	soft_unlock(s);
}

void soft_destroy(struct soft_iommu *s)
{
	soft_queue_fini(s);
	end_quarantine(s);
	soft_tables_fini(s);
	pthread_mutex_destroy(&s->lock);
	free(s->expected);
	free(s);
}
