/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What DMA must find. A sorted array of boundaries: each begins a range that ends where the next
 * one begins.
 */
#include <stdlib.h>
#include <string.h>
#include "private.h"

/* The number of boundaries at or below iova. */
static unsigned upper_bound(const struct soft_iommu *s, uint64_t iova)
{
	unsigned low = 0, high = s->nexpected;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (s->expected[middle].first <= iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is expected from `iova` on, as a boundary there. */
static struct soft_expectation expectation_at(const struct soft_iommu *s, uint64_t iova)
{
	unsigned n = upper_bound(s, iova);
	struct soft_expectation e = { .first = 0 };

	if (n)
		e = s->expected[n - 1];
	e.pa += iova - e.first;
	e.first = iova;
	return e;
}

enum soft_state soft_expected(struct soft_iommu *s, uint64_t iova, uint64_t *pa, unsigned *prot)
{
	struct soft_expectation e = expectation_at(s, iova);

	if (pa)
		*pa = e.pa;
	if (prot)
		*prot = e.prot;
	return e.state;
}

/* Replaces the boundaries in [e->first, last + 1) by e, and begins at last + 1 what was there. */
static void set(struct soft_iommu *s, struct soft_expectation e, uint64_t last)
{
	struct soft_expectation after = expectation_at(s, last + 1);
	unsigned from = upper_bound(s, e.first), to = upper_bound(s, last + 1);

	if (from && s->expected[from - 1].first == e.first)
		from--;
	if (s->nexpected + 2 > s->room) {
		s->room = 2 * s->room + 64;
		s->expected = realloc(s->expected, s->room * sizeof(s->expected[0]));
		if (!s->expected)
			abort();
	}
	memmove(&s->expected[from + 2], &s->expected[to],
		(s->nexpected - to) * sizeof(s->expected[0]));
	s->nexpected = s->nexpected - to + from + 2;
	s->expected[from] = e;
	s->expected[from + 1] = after;
	soft_note(s, EVENT_EXPECT, e.state, e.first, last);
}

void soft_expect_mapped(struct soft_iommu *s, uint64_t iova, uint64_t pa, uint64_t len,
			unsigned prot)
{
	soft_lock(s);
	set(s, (struct soft_expectation){ iova, SOFT_MAPPED, pa, prot }, iova + len - 1);
	soft_unlock(s);
}

void soft_expect_any(struct soft_iommu *s, uint64_t iova, uint64_t len)
{
	soft_lock(s);
	set(s, (struct soft_expectation){ iova, SOFT_ANY, 0, 0 }, iova + len - 1);
	soft_unlock(s);
}

void soft_expect_unmapped(struct soft_iommu *s, uint64_t iova, uint64_t len)
{
	soft_lock(s);
	set(s, (struct soft_expectation){ iova, SOFT_UNMAPPED, 0, 0 }, iova + len - 1);
	soft_unlock(s);
}

void soft_judge(struct soft_iommu *s, uint64_t iova, const struct soft_walk *w)
{
	struct soft_expectation e = expectation_at(s, iova);

	if (e.state == SOFT_UNMAPPED && w->present)
		soft_fail(s, SOFT_STALE_MAPPING, "an unmapped and synced IOVA still translates",
			  iova, 0);
	if (e.state != SOFT_MAPPED)
		return;
	if (!w->present)
		soft_fail(s, SOFT_LOST_MAPPING, "a completed map does not translate", iova, 0);
	else if (w->pa != e.pa || w->prot != e.prot)
		soft_fail(s, SOFT_WRONG_MAPPING, "a completed map translates to something else",
			  iova, 0);
}
