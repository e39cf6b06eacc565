/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The first fault, and all that is known about the place where it happened. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

#define EVENTS_SHOWN 24u

void soft_note(struct soft_iommu *s, enum soft_event_kind kind, unsigned detail, uint64_t a,
	       uint64_t b)
{
	s->events[s->nevents++ % SOFT_EVENTS] = (struct soft_event){ kind, detail, a, b };
}

struct text {
	char *at;
	size_t left;
};

/* Of the n bytes that snprintf() wanted to append. */
static void appended(struct text *t, int n)
{
	if (n < 0 || (size_t)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

#define add(t, ...) appended(t, snprintf((t)->at, (t)->left, __VA_ARGS__))

/* ---- the walk in memory, without asking the table's state ---- */

static void add_walk(struct soft_iommu *s, struct text *t, uint64_t iova)
{
	uint64_t pa = s->root_pa;

	for (unsigned l = s->config.levels; l-- > 0;) {
		struct soft_table *table = soft_table_at(s, soft_word(pa, 0));
		unsigned index = s->format->index(iova, l);
		uint64_t entry;

		if (!table) {
			add(t, "  level %u: %#" PRIx64 " is no table\n", l, pa);
			return;
		}
		entry = __atomic_load_n(soft_word(pa, index), __ATOMIC_RELAXED);
		add(t, "  level %u: table %#" PRIx64 "%s, entry %u: %#" PRIx64, l, pa,
		    table->freed ? " (freed)" : "", index, entry);
		if ((s->config.flags & EBB_NONSNOOPING) && table->words[index] != entry)
			add(t, ", the device sees %#" PRIx64, table->words[index]);
		add(t, "\n");
		if (!s->format->present(entry))
			return;
		pa = entry & s->format->address;
		if (l == 0 || !soft_table_at(s, soft_word(pa, 0)))
			return;
	}
}

static void add_caches(struct soft_iommu *s, struct text *t, uint64_t iova, uint64_t table_pa)
{
	for (unsigned i = 0; i < SOFT_SLOTS; i++) {
		const struct soft_page *p = &s->pages[i];
		const struct soft_link *l = &s->links[i];
		const struct soft_hole *h = &s->holes[i];

		if (p->valid && p->first <= iova && iova <= p->last)
			add(t, "  IOTLB: %#" PRIx64 "-%#" PRIx64 " to %#" PRIx64 "\n", p->first,
			    p->last, p->pa);
		if (l->valid && ((l->first <= iova && iova <= l->last) || l->table_pa == table_pa))
			add(t,
			    "  walk cache: %#" PRIx64 "-%#" PRIx64 ", level %u: table %#" PRIx64
			    "\n",
			    l->first, l->last, l->level, l->table_pa);
		if (h->valid && h->first <= iova && iova <= h->last)
			add(t, "  not present: %#" PRIx64 "-%#" PRIx64 ", level %u\n", h->first,
			    h->last, h->level);
	}
}

static bool concerns(const struct soft_event *e, uint64_t iova, uint64_t table_pa)
{
	switch (e->kind) {
	case EVENT_GIVEN:
	case EVENT_FREED:
		return e->a == (table_pa & ~(uint64_t)(EBB_TABLE_SIZE - 1));
	case EVENT_DMA:
		return e->a == iova;
	default:
		return e->a <= iova && iova <= e->b;
	}
}

static void add_event(struct text *t, const struct soft_event *e)
{
	static const char *const states[] = { "nothing", "any", "mapped", "unmapped" };
	const char *kind = e->detail == EBB_WIDE ? "wide" : "leaf";

	switch (e->kind) {
	case EVENT_GIVEN:
		add(t, "  table %#" PRIx64 " given out\n", e->a);
		return;
	case EVENT_FREED:
		add(t, "  table %#" PRIx64 " freed\n", e->a);
		return;
	case EVENT_QUEUED:
		add(t, "  %s invalidation of %#" PRIx64 "-%#" PRIx64 " queued\n", kind, e->a, e->b);
		return;
	case EVENT_DONE:
		add(t, "  %s invalidation of %#" PRIx64 "-%#" PRIx64 " done\n", kind, e->a, e->b);
		return;
	case EVENT_DMA:
		add(t, "  DMA to %#" PRIx64, e->a);
		if (e->detail)
			add(t, " went to %#" PRIx64 "\n", e->b);
		else
			add(t, " found nothing\n");
		return;
	case EVENT_EXPECT:
		add(t, "  %#" PRIx64 "-%#" PRIx64 " expected: %s\n", e->a, e->b, states[e->detail]);
		return;
	}
}

static void add_events(struct soft_iommu *s, struct text *t, uint64_t iova, uint64_t table_pa)
{
	uint64_t oldest = s->nevents > SOFT_EVENTS ? s->nevents - SOFT_EVENTS : 0,
		 first = s->nevents;

	for (unsigned shown = 0; first > oldest && shown < EVENTS_SHOWN;)
		shown += concerns(&s->events[--first % SOFT_EVENTS], iova, table_pa);
	for (; first < s->nevents; first++)
		if (concerns(&s->events[first % SOFT_EVENTS], iova, table_pa))
			add_event(t, &s->events[first % SOFT_EVENTS]);
}

void soft_fail(struct soft_iommu *s, enum soft_fault fault, const char *text, uint64_t iova,
	       uint64_t table_pa)
{
	struct soft_report *r = &s->report;
	struct text t = { r->details, sizeof(r->details) };

	if (r->fault)
		return;
	r->fault = fault;
	r->text = text;
	r->iova = iova;
	r->table_pa = table_pa;
	if (s->attached)
		add_walk(s, &t, iova);
	add_caches(s, &t, iova, table_pa);
	add_events(s, &t, iova, table_pa);
}

/* ---- the lock, and delivery ---- */

void soft_lock(struct soft_iommu *s)
{
	pthread_mutex_lock(&s->lock);
}

void soft_unlock(struct soft_iommu *s)
{
	bool due = s->report.fault && !s->told;

	s->told = s->told || due;
	pthread_mutex_unlock(&s->lock);
	if (!due)
		return;
	if (s->config.on_fault) {
		s->config.on_fault(s->config.arg, &s->report);
		return;
	}
	fprintf(stderr, "software IOMMU: %s (IOVA %#" PRIx64 ", table %#" PRIx64 ")\n%s",
		s->report.text, s->report.iova, s->report.table_pa, s->report.details);
	abort();
}

const char *soft_fault_text(struct soft_iommu *s)
{
	const char *text;

	pthread_mutex_lock(&s->lock);
	text = s->report.fault ? s->report.text : NULL;
	pthread_mutex_unlock(&s->lock);
	return text;
}
