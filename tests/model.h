/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_MODEL_H
#define EBB_TESTS_MODEL_H
/*
 * What a domain should be, as plainly as possible: a sorted array of leaves. It says what each call
 * must return and what must be mapped afterwards, page sizes included.
 */
#include "ebb.h"

#define MODEL_MAX 16384u

struct model_leaf {
	uint64_t iova, pa;
	unsigned size_lg2, prot;
	bool accessed, dirty;
};

struct model {
	uint64_t iova_last;
	uint32_t leaf_levels; /* 0: all */
	enum ebb_partial partial;
	unsigned n;
	struct model_leaf leaves[MODEL_MAX];
};

static inline uint64_t model_size(const struct model_leaf *leaf)
{
	return 1ull << leaf->size_lg2;
}

static inline uint64_t model_last(const struct model_leaf *leaf)
{
	return leaf->iova + model_size(leaf) - 1;
}

/* The index of the first leaf that ends at or after iova. */
unsigned model_at(const struct model *m, uint64_t iova);
/* The leaf that maps iova, or NULL. */
const struct model_leaf *model_find(const struct model *m, uint64_t iova);
/* How many leaves a map of this range would make. */
uint64_t model_leaves(const struct model *m, uint64_t iova, uint64_t pa, uint64_t len);
/*
 * As ebb_map() and ebb_unmap(); the range is aligned and inside the aperture. *where: the IOVA of
 * the error.
 */
int model_map(struct model *m, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot,
	      uint64_t *where);
int model_unmap(struct model *m, uint64_t iova, uint64_t len, uint64_t *unmapped, uint64_t *where);
/* A DMA. */
void model_touch(struct model *m, uint64_t iova, bool write);

#endif
