/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_CORE_RUN_H
#define EBB_CORE_RUN_H
/* Runs, that is neighbouring leaves of one size in one table, and leaves by themselves. */
#include "internal.h"

struct run {
	uint64_t iova, pa;
	unsigned level, n; /* n leaves at `level` */
};

/* Internal results of a run, beside the public errors. */
enum {
	RUN_SPARES = 1, /* spare tables are missing: job.need says how many */
	RUN_DISPLACE = 2, /* tables stand where large leaves are to go */
	RUN_STORED = 3, /* with the tables that were missing */
};

struct job {
	struct ebb_gather *g;
	uint64_t iova, last, pa; /* what is left */
	uint64_t at; /* where an error happened */
	unsigned need; /* spare tables for this run */
	unsigned prot;
};

/*
 * The next run: the largest leaf that fits here, as often as it fits into the table and the rest of
 * the range.
 */
EBB_INLINE struct run next_run(const struct ebb_domain *d, uint64_t iova, uint64_t last,
			       uint64_t pa)
{
	struct run r = { .iova = iova, .pa = pa };
	uint64_t left = last - iova + 1, n;
	unsigned room;

	for (unsigned l = 1; l < d->levels && (d->leaf_levels >> l); l++) {
		uint64_t size = ebb_entry_span(l);

		if (((iova | pa) & (size - 1)) || left < size)
			break;
		if (d->leaf_levels & (1u << l))
			r.level = l;
	}
	n = left >> ebb_entry_span_lg2(r.level);
	room = EBB_TABLE_ENTRIES - ebb_index(iova, r.level);
	r.n = n < room ? (unsigned)n : room;
	return r;
}

EBB_INLINE uint64_t run_bytes(const struct run *r)
{
	return (uint64_t)r->n << ebb_entry_span_lg2(r->level);
}

/*
 * The sparse hint for the table at `level` on the way to a run: the line of it that the run is
 * going to write, if that is one line only.
 */
EBB_INLINE uint64_t run_hint(const struct ebb_format *f, const struct run *r, unsigned level)
{
	unsigned i = ebb_index(r->iova, level);

	if (level == r->level && i / EBB_LINE_ENTRIES != (i + r->n - 1) / EBB_LINE_ENTRIES)
		return 0;
	return ebb_hint(f, i / EBB_LINE_ENTRIES);
}

/* How many of n slots are empty before the first that is not. */
EBB_INLINE unsigned empty_slots(const uint64_t *slot, unsigned n)
{
	unsigned head = ebb_line_head(slot, n), i = 0;

	for (; i < head; i++)
		if (ebb_load(&slot[i]))
			return i;
	for (; n - i >= EBB_LINE_ENTRIES && ebb_line_is_zero(&slot[i]); i += EBB_LINE_ENTRIES)
		;
	while (i < n && !ebb_load(&slot[i]))
		i++;
	return i;
}

/*
 * Stores the leaves of a run into t, or none at all: returns how many there are, or which of their
 * slots is taken. Inside the section of the walk to t, which has seen to the sparse hint. `fresh`:
 * nobody else knows t yet, and it is all zero.
 */
EBB_INLINE unsigned leaves_store(const struct ebb_format *f, enum ebb_policy policy,
				 struct ebb_table *t, const struct run *r, unsigned prot,
				 bool fresh)
{
	unsigned level = r->level, n = r->n;
	uint64_t *slot = &t->entry[ebb_index(r->iova, level)];
	uint64_t e = f->leaf(r->pa, level, prot);
	uint64_t step = f->leaf(r->pa + ebb_entry_span(level), level, prot) - e;
	unsigned empty = fresh ? n : empty_slots(slot, n), head = ebb_line_head(slot, n), i = 0;

	if (ebb_unlikely(empty < n))
		return empty;
	for (; i < head; i++, e += step)
		ebb_put(&slot[i], e, fresh); /* step 3 */
	for (; n - i >= EBB_LINE_ENTRIES; i += EBB_LINE_ENTRIES, e += EBB_LINE_ENTRIES * step)
		ebb_line_put(&slot[i], e, step, fresh);
	for (; i < n; i++, e += step)
		ebb_put(&slot[i], e, fresh);
	if (policy == EBB_RWLOCK && fresh)
		ebb_hot_desc(t)->count = n;
	else if (policy == EBB_RWLOCK)
		__atomic_fetch_add(&ebb_hot_desc(t)->count, n, __ATOMIC_RELAXED);
	return n;
}

/*
 * The level of the leaf, larger than the smallest, that by itself maps as much as `len`; 0: there
 * is none that this domain may use. Large leaves stand at levels 1 and 2.
 */
EBB_INLINE unsigned large_level(const struct ebb_domain *d, uint64_t len)
{
	unsigned level = len == ebb_entry_span(1) ? 1 : len == ebb_entry_span(2) ? 2 : 0;

	return ebb_likely(!level) || !(d->leaf_levels & (1u << level)) ? 0 : level;
}

#endif
