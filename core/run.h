/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_CORE_RUN_H
#define EBB_CORE_RUN_H
/* What map.c works with: runs, that is neighbouring leaves of one size in one table. */
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

#endif
