/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <ebb_hot.h>
#include "device.h"

#define POISON UINT64_MAX /* a present entry that breaks every rule */

struct shadow {
	const void *table;
	struct shadow *next;
	uint64_t words[]; /* as the device sees them; only if its walks do not snoop */
};

static void set_fault(struct device *dev, const char *fault)
{
	if (!dev->fault)
		dev->fault = fault;
}

static void run_hook(struct device_hook *hook)
{
	struct device_hook once = *hook;

	if (!once.fn)
		return;
	hook->fn = NULL;
	once.fn(once.arg);
}

static void give_way(const struct device *dev)
{
	static _Thread_local unsigned calls;

	if (dev->jitter && calls++ % 3 == 0)
		sched_yield();
}

/* ---- tables and their shadows ---- */

static struct shadow **shadow_slot(struct device *dev, const void *table)
{
	struct shadow **s = &dev->buckets[((uintptr_t)table >> 12) % DEVICE_BUCKETS];

	while (*s && (*s)->table != table)
		s = &(*s)->next;
	return s;
}

static void shadow_add(struct device *dev, const void *table)
{
	size_t words = dev->flags & EBB_NONSNOOPING ? EBB_TABLE_ENTRIES : 0;
	struct shadow **slot = shadow_slot(dev, table);
	struct shadow *s;

	if (*slot) {
		set_fault(dev, "the platform gave out a table twice");
		return;
	}
	s = malloc(sizeof(*s) + words * sizeof(s->words[0]));
	if (!s)
		abort();
	s->table = table;
	s->next = NULL;
	for (size_t i = 0; i < words; i++)
		s->words[i] = POISON;
	*slot = s;
}

static void shadow_remove(struct device *dev, const void *table)
{
	struct shadow **slot = shadow_slot(dev, table);
	struct shadow *s = *slot;

	if (!s) {
		set_fault(dev, "a table was freed that was not allocated");
		return;
	}
	*slot = s->next;
	free(s);
}

uint64_t *table_word(uint64_t table_pa, unsigned index)
{
	return (uint64_t *)(void *)ebb_hot_va(EBB_PA(table_pa)) + index;
}

uint64_t memory_read(void *unused, uint64_t table_pa, unsigned index)
{
	(void)unused;
	return __atomic_load_n(table_word(table_pa, index), __ATOMIC_RELAXED);
}

static uint64_t device_read(void *ctx, uint64_t table_pa, unsigned index)
{
	struct device *dev = ctx;
	struct shadow *s = *shadow_slot(dev, table_word(table_pa, 0));

	if (!s) {
		set_fault(dev, "the device walked into a table that had been freed");
		return 0;
	}
	if (dev->flags & EBB_NONSNOOPING)
		return s->words[index];
	return memory_read(NULL, table_pa, index);
}

/* ---- caches ---- */

static unsigned hash_slot(uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ull) >> 58;
}

static struct iotlb_slot *iotlb_slot(struct device *dev, uint64_t iova)
{
	return &dev->iotlb[hash_slot(iova >> 12)];
}

static struct walk_slot *walk_slot(struct device *dev, uint64_t iova, unsigned level)
{
	return &dev->walks[hash_slot((iova / vtd_span(level + 1)) * 8 + level)];
}

/* The lowest table on the way to iova that the device remembers, or the root. */
static uint64_t walk_start(struct device *dev, uint64_t iova, unsigned *level)
{
	for (unsigned l = 0; l + 1 < dev->levels; l++) {
		struct walk_slot *s = walk_slot(dev, iova, l);

		if (s->valid && s->level == l && s->first <= iova && iova <= s->last) {
			*level = l;
			return s->table_pa;
		}
	}
	*level = dev->levels - 1;
	return dev->root_pa;
}

static void remember_tables(struct device *dev, uint64_t iova, const struct vtd_walk *w,
			    unsigned start)
{
	for (unsigned l = w->level; l < start; l++) {
		uint64_t first = iova & ~(vtd_span(l + 1) - 1);

		*walk_slot(dev, iova, l) = (struct walk_slot){
			.valid = true,
			.level = l,
			.first = first,
			.last = first + vtd_span(l + 1) - 1,
			.table_pa = w->tables[l],
		};
	}
}

static void remember_page(struct device *dev, uint64_t iova, const struct vtd_walk *w)
{
	unsigned size_lg2 = w->present ? w->size_lg2 : 12;
	uint64_t offset = iova & ((1ull << size_lg2) - 1);

	*iotlb_slot(dev, iova) = (struct iotlb_slot){
		.valid = true,
		.present = w->present,
		.level = w->level,
		.first = iova - offset,
		.last = iova - offset + (1ull << size_lg2) - 1,
		.pa = w->pa - (w->present ? offset : 0),
		.size_lg2 = size_lg2,
		.prot = w->prot,
	};
}

static bool iotlb_hit(struct device *dev, uint64_t iova, struct vtd_walk *w)
{
	struct iotlb_slot *s = iotlb_slot(dev, iova);

	if (!s->valid || iova < s->first || iova > s->last)
		return false;
	memset(w, 0, sizeof(*w));
	w->present = s->present;
	w->pa = s->present ? s->pa + (iova - s->first) : 0;
	w->size_lg2 = s->size_lg2;
	w->prot = s->prot;
	return true;
}

static void translate_locked(struct device *dev, uint64_t iova, struct vtd_walk *w)
{
	uint64_t table_pa;
	unsigned start;

	if (iotlb_hit(dev, iova, w))
		return;
	table_pa = walk_start(dev, iova, &start);
	vtd_walk(w, device_read, dev, table_pa, start, iova);
	if (w->fault) {
		set_fault(dev, w->fault);
		return;
	}
	remember_tables(dev, iova, w, start);
	if (w->present || (dev->flags & EBB_CACHING_MODE))
		remember_page(dev, iova, w);
}

void device_translate(struct device *dev, uint64_t iova, struct vtd_walk *w)
{
	pthread_mutex_lock(&dev->lock);
	translate_locked(dev, iova, w);
	pthread_mutex_unlock(&dev->lock);
}

/* Sets bits in an entry as hardware does: only while it is what was read. */
static void set_in_entry(struct device *dev, uint64_t table_pa, unsigned index, uint64_t entry,
			 uint64_t bits)
{
	uint64_t *word = table_word(table_pa, index);
	struct shadow *s = *shadow_slot(dev, table_word(table_pa, 0));

	if ((entry & bits) == bits)
		return;
	if (__atomic_compare_exchange_n(word, &entry, entry | bits, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED) &&
	    s && (dev->flags & EBB_NONSNOOPING))
		s->words[index] = entry | bits;
}

bool device_touch(struct device *dev, uint64_t iova, bool write)
{
	struct vtd_walk w;
	bool sets_dirty;

	pthread_mutex_lock(&dev->lock);
	vtd_walk(&w, memory_read, NULL, dev->root_pa, dev->levels - 1, iova);
	sets_dirty = write && (w.prot & EBB_WRITE);
	for (unsigned l = w.level; w.present && l < dev->levels; l++) {
		unsigned index = vtd_index(iova, l);
		uint64_t entry = l == w.level ? w.entry : memory_read(NULL, w.tables[l], index);
		uint64_t bits = VTD_ACCESSED | (l == w.level && sets_dirty ? VTD_DIRTY : 0);

		if (vtd_is_present(entry))
			set_in_entry(dev, w.tables[l], index, entry, bits);
	}
	pthread_mutex_unlock(&dev->lock);
	return w.present;
}

/* ---- checks ---- */

static const char *iotlb_stale(struct device *dev, const struct iotlb_slot *s)
{
	struct vtd_walk w;

	vtd_walk(&w, device_read, dev, dev->root_pa, dev->levels - 1, s->first);
	if (w.present != s->present)
		return s->present ? "the device remembers a page that is not mapped" :
				    "the device believes that a mapped page is not";
	if (!w.present)
		return NULL;
	if (w.pa != s->pa)
		return "the device remembers another output address";
	if (w.prot != s->prot)
		return "the device remembers other permissions";
	return NULL;
}

static const char *walk_stale(struct device *dev, const struct walk_slot *s)
{
	struct vtd_walk w;

	vtd_walk(&w, device_read, dev, dev->root_pa, dev->levels - 1, s->first);
	if (w.level > s->level || w.tables[s->level] != s->table_pa)
		return "the device remembers a table that is not linked there";
	return NULL;
}

const char *device_stale(struct device *dev)
{
	const char *stale = NULL;

	pthread_mutex_lock(&dev->lock);
	for (unsigned i = 0; i < DEVICE_SLOTS && !stale; i++) {
		if (dev->iotlb[i].valid)
			stale = iotlb_stale(dev, &dev->iotlb[i]);
		if (!stale && dev->walks[i].valid)
			stale = walk_stale(dev, &dev->walks[i]);
	}
	pthread_mutex_unlock(&dev->lock);
	return stale;
}

const char *device_fault(struct device *dev)
{
	const char *fault;

	pthread_mutex_lock(&dev->lock);
	fault = dev->fault;
	pthread_mutex_unlock(&dev->lock);
	return fault;
}

struct device_counts device_counts(struct device *dev)
{
	struct device_counts counts;

	pthread_mutex_lock(&dev->lock);
	counts = dev->counts;
	pthread_mutex_unlock(&dev->lock);
	return counts;
}

void device_forget(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->logged = 0;
	pthread_mutex_unlock(&dev->lock);
}

static const struct ebb_span *span_at(const struct device *dev, uint64_t iova,
				      enum ebb_invalidation kind)
{
	for (unsigned i = 0; i < dev->logged; i++) {
		const struct ebb_span *s = &dev->log[i];

		if (s->first.v <= iova && iova <= s->last.v &&
		    (s->kind == EBB_WIDE || kind == EBB_LEAF))
			return s;
	}
	return NULL;
}

bool device_was_told(struct device *dev, uint64_t first, uint64_t last, enum ebb_invalidation kind)
{
	const struct ebb_span *s;
	bool covered = false;

	pthread_mutex_lock(&dev->lock);
	while (!covered && (s = span_at(dev, first, kind))) {
		covered = s->last.v >= last;
		first = s->last.v + 1;
	}
	pthread_mutex_unlock(&dev->lock);
	return covered;
}

/* ---- platform callbacks ---- */

static struct ebb_table *alloc_table(void *ctx, int node)
{
	struct device *dev = ctx;
	struct ebb_table *table;

	run_hook(&dev->on_allocation);
	give_way(dev);
	table = dev->inner.alloc_table(dev->inner.ctx, node);
	pthread_mutex_lock(&dev->lock);
	dev->counts.allocations++;
	dev->node = node;
	if (table)
		shadow_add(dev, table);
	pthread_mutex_unlock(&dev->lock);
	return table;
}

static void check_uncached(struct device *dev, const struct ebb_table *table)
{
	for (unsigned i = 0; i < DEVICE_SLOTS; i++) {
		const struct walk_slot *s = &dev->walks[i];

		if (s->valid && (const void *)table_word(s->table_pa, 0) == (const void *)table)
			set_fault(dev, "a table was freed that the device remembers");
	}
}

static void free_tables(void *ctx, struct ebb_table *list)
{
	struct device *dev = ctx;

	pthread_mutex_lock(&dev->lock);
	for (struct ebb_table *t = list; t; t = ebb_hot_desc(t)->next) {
		dev->counts.freed++;
		check_uncached(dev, t);
		shadow_remove(dev, t);
	}
	pthread_mutex_unlock(&dev->lock);
	dev->inner.free_tables(dev->inner.ctx, list);
}

static void grace_wait(void *ctx)
{
	struct device *dev = ctx;

	run_hook(&dev->on_grace);
	give_way(dev);
	pthread_mutex_lock(&dev->lock);
	dev->counts.graces++;
	pthread_mutex_unlock(&dev->lock);
	dev->inner.grace_wait(dev->inner.ctx);
}

/*
 * A leaf invalidation drops pages that overlap. A wide one also drops references to tables inside
 * the span, and the memory of tables that were missing.
 */
static void drop(struct device *dev, const struct ebb_span *span)
{
	uint64_t first = span->first.v, last = span->last.v;

	for (unsigned i = 0; i < DEVICE_SLOTS; i++) {
		struct iotlb_slot *page = &dev->iotlb[i];
		struct walk_slot *walk = &dev->walks[i];

		if (page->first <= last && first <= page->last &&
		    (page->present || page->level == 0 || span->kind == EBB_WIDE))
			page->valid = false;
		if (span->kind == EBB_WIDE && first <= walk->first && walk->last <= last)
			walk->valid = false;
	}
}

static void log_span(struct device *dev, const struct ebb_span *span)
{
	if (span->kind == EBB_WIDE)
		dev->counts.wide_spans++;
	else
		dev->counts.leaf_spans++;
	if (span->first.v > span->last.v)
		set_fault(dev, "an empty span to invalidate");
	if (dev->logged < DEVICE_LOG)
		dev->log[dev->logged++] = *span;
}

static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	struct device *dev = ctx;
	ebb_token token;

	run_hook(&dev->before_invalidation);
	give_way(dev);
	pthread_mutex_lock(&dev->lock);
	dev->counts.invalidations++;
	if (n == 0)
		set_fault(dev, "nothing to invalidate");
	for (unsigned i = 0; i < n; i++) {
		log_span(dev, &spans[i]);
		drop(dev, &spans[i]);
	}
	token = dev->inner.invalidate(dev->inner.ctx, spans, n);
	pthread_mutex_unlock(&dev->lock);
	run_hook(&dev->after_invalidation);
	give_way(dev);
	return token;
}

static void write_back(void *ctx, const void *start, size_t len)
{
	struct device *dev = ctx;
	const uint64_t *word = start;

	run_hook(&dev->on_write_back);
	give_way(dev);
	pthread_mutex_lock(&dev->lock);
	dev->counts.write_backs++;
	for (size_t i = 0; i < len / sizeof(*word); i++) {
		const void *table =
			(const void *)((uintptr_t)&word[i] & ~(uintptr_t)(EBB_TABLE_SIZE - 1));
		struct shadow *s = *shadow_slot(dev, table);

		if (s && (dev->flags & EBB_NONSNOOPING))
			s->words[&word[i] - (const uint64_t *)table] =
				__atomic_load_n(&word[i], __ATOMIC_RELAXED);
		else if (!s)
			set_fault(dev, "a write-back outside of tables");
	}
	pthread_mutex_unlock(&dev->lock);
	if (dev->inner.write_back)
		dev->inner.write_back(dev->inner.ctx, start, len);
}

/* ---- life ---- */

struct device *device_create(const struct ebb_platform *inner, uint32_t flags)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		abort();
	dev->inner = *inner;
	dev->flags = flags;
	pthread_mutex_init(&dev->lock, NULL);
	return dev;
}

struct ebb_platform device_platform(struct device *dev)
{
	return (struct ebb_platform){
		.ctx = dev,
		.alloc_table = alloc_table,
		.free_tables = free_tables,
		.grace_wait = grace_wait,
		.invalidate = invalidate,
		.write_back = write_back,
	};
}

void device_attach(struct device *dev, uint64_t root_pa, unsigned levels)
{
	dev->root_pa = root_pa;
	dev->levels = levels;
}

void device_destroy(struct device *dev)
{
	for (unsigned i = 0; i < DEVICE_BUCKETS; i++)
		while (dev->buckets[i])
			shadow_remove(dev, dev->buckets[i]->table);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}
