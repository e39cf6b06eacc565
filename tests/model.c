/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <stdlib.h>
#include <string.h>
#include "model.h"

#define SMALLEST_LG2 12u
#define LEVEL_LG2    9u

unsigned model_at(const struct model *m, uint64_t iova)
{
	unsigned low = 0, high = m->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (model_last(&m->leaves[middle]) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct model_leaf *model_find(const struct model *m, uint64_t iova)
{
	unsigned i = model_at(m, iova);

	return i < m->n && m->leaves[i].iova <= iova ? &m->leaves[i] : NULL;
}

static bool leaf_level_allowed(const struct model *m, unsigned level)
{
	return (m->leaf_levels ? m->leaf_levels : 7u) >> level & 1;
}

static unsigned largest_page_lg2(const struct model *m, uint64_t iova, uint64_t pa, uint64_t len)
{
	for (unsigned level = 2; level > 0; level--) {
		uint64_t size = 1ull << (SMALLEST_LG2 + LEVEL_LG2 * level);

		if (leaf_level_allowed(m, level) && iova % size == 0 && pa % size == 0 &&
		    len >= size)
			return SMALLEST_LG2 + LEVEL_LG2 * level;
	}
	return SMALLEST_LG2;
}

uint64_t model_leaves(const struct model *m, uint64_t iova, uint64_t pa, uint64_t len)
{
	uint64_t n = 0;

	while (len > 0 && n < MODEL_MAX) {
		uint64_t size = 1ull << largest_page_lg2(m, iova, pa, len);

		iova += size;
		pa += size;
		len -= size;
		n++;
	}
	return n;
}

/* Makes room for n leaves at index i. */
static void open_gap(struct model *m, unsigned i, uint64_t n)
{
	if (m->n + n > MODEL_MAX)
		abort();
	memmove(&m->leaves[i + n], &m->leaves[i], (m->n - i) * sizeof(m->leaves[0]));
	m->n += (unsigned)n;
}

static void close_gap(struct model *m, unsigned i, unsigned n)
{
	memmove(&m->leaves[i], &m->leaves[i + n], (m->n - i - n) * sizeof(m->leaves[0]));
	m->n -= n;
}

int model_map(struct model *m, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot,
	      uint64_t *where)
{
	unsigned i = model_at(m, iova);

	if (i < m->n && m->leaves[i].iova <= iova + len - 1) {
		*where = m->leaves[i].iova > iova ? m->leaves[i].iova : iova;
		return EBB_ERR_MAPPED;
	}
	open_gap(m, i, model_leaves(m, iova, pa, len));
	while (len > 0) {
		unsigned size_lg2 = largest_page_lg2(m, iova, pa, len);

		m->leaves[i++] = (struct model_leaf){
			.iova = iova, .pa = pa, .size_lg2 = size_lg2, .prot = prot
		};
		iova += 1ull << size_lg2;
		pa += 1ull << size_lg2;
		len -= 1ull << size_lg2;
	}
	return EBB_OK;
}

/* Replaces a leaf by leaves of the next smaller size that is allowed. */
static void split(struct model *m, unsigned i)
{
	struct model_leaf whole = m->leaves[i];
	unsigned size_lg2 = whole.size_lg2 - LEVEL_LG2, n;

	if (!leaf_level_allowed(m, (size_lg2 - SMALLEST_LG2) / LEVEL_LG2))
		size_lg2 -= LEVEL_LG2;
	n = 1u << (whole.size_lg2 - size_lg2);
	open_gap(m, i, n - 1);
	for (unsigned k = 0; k < n; k++) {
		m->leaves[i + k] = whole;
		m->leaves[i + k].size_lg2 = size_lg2;
		m->leaves[i + k].iova = whole.iova + ((uint64_t)k << size_lg2);
		m->leaves[i + k].pa = whole.pa + ((uint64_t)k << size_lg2);
	}
}

static bool is_cut(const struct model_leaf *leaf, uint64_t first, uint64_t last)
{
	return leaf->iova < first || model_last(leaf) > last;
}

/* The indices of the first and one past the last leaf in the range. */
static void leaves_in(const struct model *m, uint64_t first, uint64_t last, unsigned *begin,
		      unsigned *end)
{
	*begin = model_at(m, first);
	*end = *begin;
	while (*end < m->n && m->leaves[*end].iova <= last)
		++*end;
}

static int refuse_cuts(const struct model *m, uint64_t first, uint64_t last, unsigned begin,
		       unsigned end, uint64_t *where)
{
	for (unsigned i = begin; i < end; i++) {
		if (is_cut(&m->leaves[i], first, last)) {
			*where = m->leaves[i].iova;
			return EBB_ERR_LARGE_LEAF;
		}
	}
	return EBB_OK;
}

static void split_cuts(struct model *m, uint64_t first, uint64_t last)
{
	unsigned i = model_at(m, first);

	while (i < m->n && m->leaves[i].iova <= last) {
		if (is_cut(&m->leaves[i], first, last) && model_last(&m->leaves[i]) >= first)
			split(m, i);
		else
			i++;
	}
}

int model_unmap(struct model *m, uint64_t iova, uint64_t len, uint64_t *unmapped, uint64_t *where)
{
	uint64_t last = iova + len - 1;
	unsigned begin, end;

	*unmapped = 0;
	leaves_in(m, iova, last, &begin, &end);
	if (begin == end)
		return EBB_ERR_NOT_MAPPED;
	if (m->partial == EBB_PARTIAL_REFUSE && refuse_cuts(m, iova, last, begin, end, where))
		return EBB_ERR_LARGE_LEAF;
	if (m->partial == EBB_PARTIAL_SPLIT)
		split_cuts(m, iova, last);
	leaves_in(m, iova, last, &begin, &end);
	for (unsigned i = begin; i < end; i++)
		*unmapped += model_size(&m->leaves[i]);
	close_gap(m, begin, end - begin);
	return EBB_OK;
}

void model_touch(struct model *m, uint64_t iova, bool write)
{
	unsigned i = model_at(m, iova);

	if (i == m->n || m->leaves[i].iova > iova)
		return;
	m->leaves[i].accessed = true;
	if (write && (m->leaves[i].prot & EBB_WRITE))
		m->leaves[i].dirty = true;
}
