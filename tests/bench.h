/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_BENCH_H
#define EBB_TESTS_BENCH_H
/*
 * A domain of three levels with a software IOMMU behind it that notes its first fault, for tests of
 * the software IOMMU itself. Faults are made by hand, on tables that the core built.
 */
#include <ebb_hot.h>
#include "support.h"

#define BASE   (5 * GIB)
#define LEVELS 3u

struct bench {
	struct ebb_hosted *hosted;
	struct ebb_platform inner, platform;
	struct soft_iommu *device;
	struct ebb_domain domain;
	struct ebb_gather gather;
	struct ebb_table *give; /* the inner platform gives this table out next */
	enum soft_fault fault;
	char details[4352]; /* with the text before them */
	unsigned reports, waits;
	void (*on_wait)(struct bench *b);
};

/* There is one bench: a test that ends in the middle leaves it to the next. */
struct bench *bench_open(uint32_t flags, enum soft_completion completion);
/* The same with other hardware. */
struct bench *bench_open_with(const struct soft_config *soft);
/* Tables may be in any state: what is freed by hand is not freed again. */
void bench_close(struct bench *b);
/* Asserts that this fault, and no other, was reported. */
void bench_expect(struct bench *b, enum soft_fault fault);

void bench_map(struct bench *b, uint64_t iova, uint64_t pa);
struct soft_walk bench_dma(struct bench *b, uint64_t iova, enum soft_access access);
/* The table at `level` on the way to iova, not the root, and the entry for iova in one. */
struct ebb_table *bench_table(struct bench *b, uint64_t iova, unsigned level);
uint64_t *bench_word(struct bench *b, uint64_t iova, unsigned level);
void bench_free(struct bench *b, struct ebb_table *t);
void bench_invalidate(struct bench *b, uint64_t first, uint64_t last, enum ebb_invalidation kind);

#endif
